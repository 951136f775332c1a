package cursor

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// List names a list, so that a cursor of one is none of another.
type List string

// The lists that have pages.
const (
	LoginHistory   List = "login history"
	SecurityEvents List = "events"
	Invitations    List = "invitations"
	AllInvitations List = "all invitations"
	Accounts       List = "accounts"
	AllEvents      List = "all events"
	Blocks         List = "block rules"
	Sessions       List = "all sessions"
)

// Filtered returns the list with a filter, whose parts are values of JSON: a cursor of one filter is none of another.
func Filtered(l List, filter ...any) List {
	text, _ := json.Marshal(filter) // what a query had: cannot go wrong
	return List(string(l) + " " + string(text))
}

// Position is a place in a list: that of one of its rows, by what the list is ordered by. The zero Position is before the first.
type Position struct {
	At time.Time // in microseconds; zero where the list is ordered by the id alone
	ID uuid.UUID
}

// IsZero reports whether p is the beginning.
func (p Position) IsZero() bool { return p.ID == uuid.Nil }

// Signer makes cursors and reads them. It is safe for concurrent use.
type Signer struct{ key func() secret.MACKey }

// NewSigner returns a Signer by a key that every node has. It is asked for at each use.
func NewSigner(key func() secret.MACKey) (*Signer, error) {
	if key == nil {
		return nil, errors.New("cursor: a key is required")
	}
	return &Signer{key: key}, nil
}

// The rows of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// CheckLimit refuses a number of rows that no page has. [authcore.InvalidRequest].
func CheckLimit(n int) error {
	if n < 1 || n > MaxLimit {
		return authcore.Refuse(authcore.InvalidRequest, "limit is a number from 1 to "+strconv.Itoa(MaxLimit)+".")
	}
	return nil
}

const (
	positionBytes = 8 + 16
	macBytes      = 16 // 128 bits: nobody guesses one
)

var encoding = base64.RawURLEncoding.Strict()

// Sign returns the cursor of a place in a list of the account.
func (s *Signer) Sign(l List, account uuid.UUID, p Position) string {
	text := binary.BigEndian.AppendUint64(nil, uint64(p.At.UnixMicro()))
	text = append(text, p.ID[:]...)
	return encoding.EncodeToString(append(text, s.mac(l, account, text)...))
}

// Read returns the place that a cursor stands for; of "" the beginning. Refusals: [authcore.InvalidRequest] for one that was made up, for
// another list or for another account: a cursor tells when something happened, and which one it was.
func (s *Signer) Read(l List, account uuid.UUID, text string) (Position, error) {
	if text == "" {
		return Position{}, nil
	}
	if len(text) != encoding.EncodedLen(positionBytes+macBytes) { // the decoder skips line breaks
		return Position{}, errForged()
	}
	raw, err := encoding.DecodeString(text)
	if err != nil || len(raw) != positionBytes+macBytes {
		return Position{}, errForged()
	}
	if !hmac.Equal(raw[positionBytes:], s.mac(l, account, raw[:positionBytes])) {
		return Position{}, errForged()
	}
	p := Position{At: time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC(), ID: uuid.UUID(raw[8:positionBytes])}
	return p, nil
}

func errForged() error {
	return authcore.Refuse(authcore.InvalidRequest, "The cursor is not one that this list has answered.")
}

func (s *Signer) mac(l List, account uuid.UUID, position []byte) []byte {
	return s.key().MAC([]byte(l), account[:], position).Bytes()[:macBytes]
}
