package audit

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Success is the result of an event that tells of no failure; any other is the failure's authcore.Code.
const Success = "success"

// Event returns a successful event of the account by the client. The caller sets what else is known.
func Event(kind authcore.EventKind, account uuid.UUID, c authcore.Client, at time.Time) authcore.Event {
	return authcore.Event{
		ID: uuid.Must(uuid.NewV7()), Kind: kind, At: at, AccountID: account, Result: Success,
		Addr: Addr(c), UserAgent: UserAgent(c), Host: c.Host,
	}
}

// Failure returns an event whose result is the code of the failure.
func Failure(kind authcore.EventKind, account uuid.UUID, c authcore.Client, code authcore.Code, at time.Time) authcore.Event {
	e := Event(kind, account, c, at)
	e.Result = string(code)
	return e
}

// The ways in, as events and metrics name them.
const (
	ByPassword   = "password"
	ByCode       = "code"
	ByLink       = "link"
	ByPasskey    = "passkey"
	ByProvider   = "provider"
	ByInvitation = "invitation"
)

// Methods returns every way in.
func Methods() []string {
	return []string{ByPassword, ByCode, ByLink, ByPasskey, ByProvider, ByInvitation}
}

// Addr returns the client's address in the one form that is stored; "" for none.
func Addr(c authcore.Client) string {
	if !c.Addr.IsValid() {
		return ""
	}
	return c.Addr.Unmap().WithZone("").String()
}

// UserAgent returns the client's user agent as text that any store takes: valid UTF-8 without NUL (which Postgres
// refuses), at most authcore.MaxUserAgent bytes with no half character at the end.
func UserAgent(c authcore.Client) string {
	return Cut(strings.ReplaceAll(strings.ToValidUTF8(c.UserAgent, ""), "\x00", ""), authcore.MaxUserAgent)
}

// Cut shortens s to at most n bytes without leaving half a character behind.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
