package idp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

// The steps of calls, as metrics name them.
const (
	StepDiscovery = "discovery"
	StepKeys      = "keys"
	StepToken     = "token"
	StepUserInfo  = "userinfo"
)

// maxSubject is the longest subject (OpenID Connect Core §2).
const maxSubject = 255

// UsableSubject reports whether a subject can stand for somebody.
func UsableSubject(sub string) bool {
	return sub != "" && len(sub) <= maxSubject && utf8.ValidString(sub) && !strings.ContainsFunc(sub, unicode.IsControl)
}

// Redeem redeems a code (RFC 6749 §4.1.3, RFC 7636 §4.5). ErrAnswer, ErrUnavailable.
func (c *Client) Redeem(ctx context.Context, cfg *oauth2.Config, code Code) (*oauth2.Token, error) {
	var options []oauth2.AuthCodeOption
	if code.Verifier != "" {
		options = append(options, oauth2.VerifierOption(code.Verifier))
	}
	token, err := cfg.Exchange(context.WithValue(ctx, oauth2.HTTPClient, c.HTTP(StepToken)), code.Code, options...)
	if err != nil {
		return nil, AsAnswer("redeem code", redeemError(err))
	}
	return token, nil
}

// redeemError is the error of a redeemed code without what the provider has written: that may hold what belongs in no log.
func redeemError(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return fmt.Errorf("the token endpoint refused with status %d and error %q", refused.Response.StatusCode, ErrorCode(refused.ErrorCode))
	}
	return plain(err)
}

var errorCode = regexp.MustCompile(`^[a-z_]{1,64}$`)

// ErrorCode returns the code of a refusal (RFC 6749 §5.2) if it can stand in a log, else "": a provider may write anything there, a token too.
func ErrorCode(said string) string {
	if !errorCode.MatchString(said) {
		return ""
	}
	return said
}

// plain is the error of a call without its URL, in which there may be something that belongs in no log.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// Answer is what came for a call, whatever its status.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Decode reads the body as JSON, and keeps numbers as they are written.
func (a Answer) Decode(into any) error { return Decode(a.Body, into) }

// Call makes a call. Its error wraps [ErrUnavailable] and has no URL.
func (c *Client) Call(step string, r *http.Request) (Answer, error) {
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "application/json")
	}
	res, err := c.HTTP(step).Do(r)
	if err != nil {
		return Answer{}, plain(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return Answer{res.StatusCode, res.Header, body}, err
}

// Get is a [Client.Call] without a body; bearer is a token of the person, "" for none.
func (c *Client) Get(ctx context.Context, step, at, bearer string) (Answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return Answer{}, fmt.Errorf("%s: its address cannot be read: %w", step, ErrUnavailable)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	return c.Call(step, r)
}

// Decode reads JSON, and keeps numbers as they are written.
func Decode(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return d.Decode(into)
}

// Exchanger is a provider whose apps bring codes and access tokens.
type Exchanger interface {
	Exchange(ctx context.Context, c Code) (Identity, error)
}

// NativeByToken is [Provider].Native of a provider without id_tokens. giver returns who has given an access token to this very client, who
// asks whose it is. Any app that somebody uses has an access token of theirs: one that was not given to this client, or is of somebody else
// than its check says, signs nobody in (C05). ErrAnswer, ErrUnavailable, and ErrNotTaken for anything but a code and an access token.
func NativeByToken(
	ctx context.Context, n Native, by Exchanger,
	giver func(ctx context.Context, access string) (string, error), who func(ctx context.Context, access string) (Identity, error),
) (Identity, error) {
	switch {
	case n.Code != "":
		return by.Exchange(ctx, Code{Code: n.Code, Verifier: n.Verifier, RedirectURI: n.RedirectURI})
	case n.AccessToken == "":
		return Identity{}, ErrNotTaken
	}
	subject, err := giver(ctx, n.AccessToken)
	if err != nil {
		return Identity{}, AsAnswer("check access token", err)
	}
	id, err := who(ctx, n.AccessToken)
	if err == nil && id.Subject != subject {
		err = fmt.Errorf("check access token: it is of another person: %w", ErrAnswer)
	}
	if err != nil {
		return Identity{}, err
	}
	return id, nil
}

// AsAnswer makes of a failed check an ErrAnswer, unless the provider did not answer or whoever asked has gone.
func AsAnswer(step string, err error) error {
	if errors.Is(err, ErrUnavailable) || errors.Is(err, ErrAnswer) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", step, err)
	}
	return fmt.Errorf("%s: %w: %w", step, err, ErrAnswer)
}
