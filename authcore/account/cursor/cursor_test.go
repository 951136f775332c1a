package cursor_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

func signer(t *testing.T, material byte) *cursor.Signer {
	t.Helper()
	key, err := secret.NewMACKey([]byte(strings.Repeat(string(rune(material)), 32)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := cursor.NewSigner(func() secret.MACKey { return key })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCursor_StandsForItsPlace(t *testing.T) {
	t.Parallel()
	s, account := signer(t, 'a'), uuid.New()
	for _, at := range []time.Time{{}, time.UnixMicro(0).UTC(), time.Date(2026, 11, 22, 13, 0, 0, 123456000, time.UTC)} {
		p := cursor.Position{At: at, ID: uuid.Must(uuid.NewV7())}
		got, err := s.Read(cursor.LoginHistory, account, s.Sign(cursor.LoginHistory, account, p))
		if err != nil || !got.At.Equal(p.At) || got.ID != p.ID {
			t.Errorf("%+v is read as %+v (%v)", p, got, err)
		}
	}
	if got, err := s.Read(cursor.LoginHistory, account, ""); err != nil || !got.IsZero() {
		t.Errorf("without a cursor: %+v (%v)", got, err)
	}
	if _, err := cursor.NewSigner(nil); err == nil {
		t.Error("a signer without a key is made")
	}
}

// Who changes a cursor, makes one up, or brings that of another account or list gets nothing by it.
func TestCursor_IsGoodForOneListOfOneAccount(t *testing.T) {
	t.Parallel()
	s, account := signer(t, 'a'), uuid.New()
	p := cursor.Position{At: time.UnixMicro(1), ID: uuid.New()}
	good := s.Sign(cursor.LoginHistory, account, p)
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	attacks := map[string]string{
		"made up":              base64.RawURLEncoding.EncodeToString(make([]byte, len(raw))),
		"an id":                uuid.NewString(),
		"shorter":              good[:len(good)-4],
		"longer":               good + "AAAA",
		"with a line break":    good[:8] + "\n" + good[8:],
		"with padding":         good + "=",
		"another list's":       s.Sign(cursor.SecurityEvents, account, p),
		"another account's":    s.Sign(cursor.LoginHistory, uuid.New(), p),
		"of another gateway":   signer(t, 'b').Sign(cursor.LoginHistory, account, p),
		"junk":                 "%00",
		"an unsigned position": base64.RawURLEncoding.EncodeToString(raw[:24]),
	}
	for i := range raw {
		changed := append([]byte{}, raw...)
		changed[i] ^= 1
		attacks["with another byte "+string(rune('0'+i))] = base64.RawURLEncoding.EncodeToString(changed)
	}
	for name, text := range attacks {
		if got, err := s.Read(cursor.LoginHistory, account, text); authcore.CodeOf(err) != authcore.InvalidRequest || !got.IsZero() {
			t.Errorf("a cursor %s is taken: %+v (%v)", name, got, err)
		}
	}
	if strings.Contains(good, account.String()) {
		t.Error("a cursor names its account")
	}
}
