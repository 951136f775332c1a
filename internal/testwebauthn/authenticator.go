// Package testwebauthn is a browser with an authenticator for tests: it answers the options of WebAuthn as a browser's toJSON does, rightly
// or in whatever way a test wants it wrong.
package testwebauthn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// The flags of authenticator data (WebAuthn L3 §6.1).
const (
	flagUP = 1 << 0
	flagUV = 1 << 2
	flagBE = 1 << 3
	flagBS = 1 << 4
	flagAT = 1 << 6
)

// Authenticator holds one credential. Its fields may be changed between calls.
type Authenticator struct {
	Origin                 string
	RPID                   string // in place of that of the options; "": that
	Type                   string // in place of that of the ceremony; "": that
	NotPresent, Unverified bool   // flags that are not set
	Synced                 bool
	Counter, Step          uint32 // each response adds Step first
	ID, Handle             []byte // Handle is what responses say; a new credential sets it
	key                    *ecdsa.PrivateKey
}

// New returns an authenticator in a browser at an origin.
func New(origin string) *Authenticator { return &Authenticator{Origin: origin, Step: 1} }

type options struct {
	Challenge string `json:"challenge"`
	RPID      string `json:"rpId"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
}

func read(t testing.TB, raw json.RawMessage) (o options) {
	t.Helper()
	if err := json.Unmarshal(raw, &o); err != nil || o.Challenge == "" {
		t.Fatalf("options %s (%v)", raw, err)
	}
	return o
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Create makes a new credential and returns its RegistrationResponseJSON.
func (a *Authenticator) Create(t testing.TB, raw json.RawMessage) json.RawMessage {
	t.Helper()
	o := read(t, raw)
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	a.ID = make([]byte, 32)
	_, _ = rand.Read(a.ID)
	if a.Handle, err = base64.RawURLEncoding.DecodeString(o.User.ID); err != nil {
		t.Fatal(err)
	}
	public, err := a.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	data := a.data(o.RP.ID, flagAT)
	data = append(data, make([]byte, 16)...) // AAGUID
	data = append(data, 0, byte(len(a.ID)))
	data = append(data, a.ID...)
	data = append(data, 0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32) // COSE: EC2, ES256, P-256
	data = append(data, public[1:33]...)
	data = append(data, 0x22, 0x58, 32)
	data = append(data, public[33:]...)
	object := append([]byte{0xa3, 0x63}, "fmt"...)
	object = append(append(object, 0x64), "none"...)
	object = append(append(object, 0x67), "attStmt"...)
	object = append(append(object, 0xa0, 0x68), "authData"...)
	object = append(object, 0x59, byte(len(data)>>8), byte(len(data)))
	object = append(object, data...)
	return a.response(t, map[string]any{
		"clientDataJSON": text(a.client(t, "webauthn.create", o.Challenge)), "attestationObject": text(object), "transports": []string{"internal"},
	})
}

// Get returns an AuthenticationResponseJSON.
func (a *Authenticator) Get(t testing.TB, raw json.RawMessage) json.RawMessage {
	t.Helper()
	o := read(t, raw)
	data, client := a.data(o.RPID, 0), a.client(t, "webauthn.get", o.Challenge)
	hash := sha256.Sum256(client)
	signed := sha256.Sum256(append(append([]byte(nil), data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, signed[:])
	if err != nil {
		t.Fatal(err)
	}
	response := map[string]any{"clientDataJSON": text(client), "authenticatorData": text(data), "signature": text(signature)}
	if a.Handle != nil {
		response["userHandle"] = text(a.Handle)
	}
	return a.response(t, response)
}

func (a *Authenticator) data(rp string, flags byte) []byte {
	if a.RPID != "" {
		rp = a.RPID
	}
	if !a.NotPresent {
		flags |= flagUP
	}
	if !a.Unverified {
		flags |= flagUV
	}
	if a.Synced {
		flags |= flagBE | flagBS
	}
	a.Counter += a.Step
	hash := sha256.Sum256([]byte(rp))
	return binary.BigEndian.AppendUint32(append(hash[:], flags), a.Counter)
}

func (a *Authenticator) client(t testing.TB, ceremony, challenge string) []byte {
	t.Helper()
	if a.Type != "" {
		ceremony = a.Type
	}
	return encode(t, map[string]any{"type": ceremony, "challenge": challenge, "origin": a.Origin, "crossOrigin": false})
}

func (a *Authenticator) response(t testing.TB, response map[string]any) json.RawMessage {
	t.Helper()
	return encode(t, map[string]any{
		"id": text(a.ID), "rawId": text(a.ID), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{},
	})
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
