package passpolicy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ErrTooLong is returned by [Policy.Normalize] for a text that no policy could accept.
var ErrTooLong = errors.New("password is too long")

// ErrNotUTF8 is returned by [Policy.Normalize] for bytes that are no text.
var ErrNotUTF8 = errors.New("password is not valid UTF-8")

// Config sets the rules. The zero Config is the default.
type Config struct {
	// MinLength is the least number of characters, at least 8. Default: 12. Beside a
	// second factor 8 is enough: that is a second Policy.
	MinLength int
	// MaxLength is the greatest number of characters, 64 to 1024. Default: 256.
	MaxLength int
	// MinScore is the least zxcvbn score, 1 to 4. Default: 2.
	MinScore int
	// Context are words of the deployment (its name, its domain) that are no secret to
	// anyone. "gatehouse" is always among them.
	Context []string
}

// Policy judges passwords. It is immutable and safe for concurrent use.
type Policy struct {
	min, max, score int
	context         []string
}

// New returns a Policy. Values outside the ranges of [Config] are errors.
func New(cfg Config) (*Policy, error) {
	p := &Policy{min: cfg.MinLength, max: cfg.MaxLength, score: cfg.MinScore}
	if p.min == 0 {
		p.min = 12
	}
	if p.max == 0 {
		p.max = 256
	}
	if p.score == 0 {
		p.score = 2
	}
	switch {
	case p.min < 8:
		return nil, fmt.Errorf("password min length is %d, it needs to be at least 8", p.min)
	case p.max < 64 || p.max > 1024:
		return nil, fmt.Errorf("password max length is %d, it needs to be 64 to 1024", p.max)
	case p.min > p.max:
		return nil, fmt.Errorf("password min length %d is above the max length %d", p.min, p.max)
	case p.score < 1 || p.score > 4:
		return nil, fmt.Errorf("password min score is %d, it needs to be 1 to 4", p.score)
	}
	p.context = append([]string{"gatehouse"}, cfg.Context...)
	return p, nil
}

// MinLength is the least number of characters.
func (p *Policy) MinLength() int { return p.min }

// Normalize returns the text of a password that is hashed and compared: the Unicode
// normalisation form C of what was typed, so that one password entered on two keyboards
// is one. Nothing else is changed, spaces included. It is called once, when a password
// comes in, at sign-in as at setting one. Errors are [ErrTooLong], found before any work
// is done on the text (CVE-2013-1443), and [ErrNotUTF8]; at sign-in both mean that the
// password is wrong.
func (p *Policy) Normalize(password string) (string, error) {
	if len(password) > utf8.UTFMax*p.max {
		return "", ErrTooLong
	}
	if !utf8.ValidString(password) {
		return "", ErrNotUTF8
	}
	return norm.NFC.String(password), nil
}

// Check returns what is wrong with a password to be set, as sentences for the one who
// chose it; none means that it is good. It takes the text that Normalize returned, and
// as context what is known of the account: address, names. The sentences do not quote
// the password.
func (p *Policy) Check(password string, context ...string) []string {
	// One code point is one character (63B §3.1.1.2).
	length := utf8.RuneCountInString(password)
	if length > p.max {
		return []string{fmt.Sprintf("Use at most %d characters.", p.max)}
	}
	var wrong []string
	if length < p.min {
		wrong = append(wrong, fmt.Sprintf("Use at least %d characters.", p.min))
	}
	folded := strings.ToLower(password)
	words := contextWords(p.context, context)
	switch {
	case isCommon(folded):
		wrong = append(wrong, "This is one of the most common passwords. Choose another one.")
	case p.mostlyContext(folded, words):
		wrong = append(wrong, "Do not use your name, your address or the name of this service as your password.")
	case p.repeats(folded):
		wrong = append(wrong, "Do not repeat the same characters. Add more, different words.")
	case guessable(password, words) < p.score:
		wrong = append(wrong, "This password is easy to guess. Use several unrelated words.")
	}
	return wrong
}
