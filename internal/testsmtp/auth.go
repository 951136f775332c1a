package testsmtp

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

const wrongPassword = "535 5.7.8 wrong user or password"

// onAuth is RFC 4954.
func (d *dialog) onAuth(rest string) error {
	mechanism, initial, _ := strings.Cut(rest, " ")
	switch {
	case !d.tls:
		d.fault("AUTH without TLS")
		return d.write("538 5.7.11 encryption required")
	case !slices.Contains(d.setup.Mechanisms, mechanism):
		d.fault("AUTH %s was not offered", mechanism)
		return d.write("504 5.5.4 unknown mechanism")
	}
	var good bool
	var err error
	switch mechanism {
	case "PLAIN":
		good = d.plain(initial)
	case "LOGIN":
		good, err = d.login()
	case "SCRAM-SHA-256":
		good, err = d.scram(initial)
	}
	if err != nil {
		return err
	}
	if !good {
		return d.write(wrongPassword)
	}
	d.user, d.mechanism = d.setup.User, mechanism
	return d.reply(Auth, "235 2.7.0 welcome")
}

// plain is RFC 4616.
func (d *dialog) plain(initial string) bool {
	message, err := base64.StdEncoding.DecodeString(initial)
	return err == nil && string(message) == "\x00"+d.setup.User+"\x00"+d.setup.Password
}

func (d *dialog) login() (bool, error) {
	user, err := d.ask("Username:")
	if err != nil {
		return false, err
	}
	password, err := d.ask("Password:")
	return user == d.setup.User && password == d.setup.Password, err
}

// ask sends a challenge and returns the response.
func (d *dialog) ask(challenge string) (string, error) {
	if err := d.write("334 " + base64.StdEncoding.EncodeToString([]byte(challenge))); err != nil {
		return "", err
	}
	line, err := d.line(12288) // RFC 4954 §4
	if err != nil {
		return "", err
	}
	response, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		d.fault("a response is no base64: %q", line)
	}
	return string(response), nil
}

// scram is RFC 5802 with SHA-256 (RFC 7677).
func (d *dialog) scram(initial string) (bool, error) {
	first := initial
	if text, err := base64.StdEncoding.DecodeString(initial); err == nil {
		first = string(text)
	}
	if first == "" {
		var err error
		if first, err = d.ask(""); err != nil {
			return false, err
		}
	}
	bare, ok := strings.CutPrefix(first, "n,,")
	name, nonce, found := strings.Cut(strings.TrimPrefix(bare, "n="), ",r=")
	if !ok || !found {
		d.fault("SCRAM begins with %q", first)
		return false, nil
	}
	salt := []byte("0123456789abcdef")
	const rounds = 4096
	challenge := fmt.Sprintf("r=%s%s,s=%s,i=%d", nonce, rand.Text(), base64.StdEncoding.EncodeToString(salt), rounds)
	final, err := d.ask(challenge)
	if err != nil {
		return false, err
	}
	without, proof, _ := strings.Cut(final, ",p=")
	salted, err := pbkdf2.Key(sha256.New, d.setup.Password, salt, rounds, sha256.Size)
	if err != nil {
		return false, err
	}
	clientKey := mac(salted, "Client Key")
	stored := sha256.Sum256(clientKey)
	said := bare + "," + challenge + "," + without
	want := make([]byte, sha256.Size)
	subtle.XORBytes(want, clientKey, mac(stored[:], said))
	if name != d.setup.User || proof != base64.StdEncoding.EncodeToString(want) {
		return false, nil
	}
	signature := mac(mac(salted, "Server Key"), said)
	_, err = d.ask("v=" + base64.StdEncoding.EncodeToString(signature))
	return true, err
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
