package passpolicy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Rule names what a password to be set must satisfy.
type Rule string

// The rules of [Policy.Check].
const (
	TooShort  Rule = "too_short"
	TooLong   Rule = "too_long"
	Common    Rule = "common"    // one of the most common passwords
	Context   Rule = "context"   // mostly what is known of the person or the service
	Repeats   Rule = "repeats"   // one short text again and again
	Guessable Rule = "guessable" // by its zxcvbn score
	Breached  Rule = "breached"  // of a known breach, by Config.Breached
)

// Broken is a rule that a password breaks.
type Broken struct {
	Rule Rule
	N    int // the bound of a length, in characters; else 0
}

// ErrTooLong is returned by [Policy.Normalize] for a text that no policy could accept.
var ErrTooLong = errors.New("password is too long")

// ErrNotUTF8 is returned by [Policy.Normalize] for bytes that are no text.
var ErrNotUTF8 = errors.New("password is not valid UTF-8")

// Config sets the rules. The zero Config is the default.
type Config struct {
	// MinLength is the least number of characters, at least 8. Default: 12.
	MinLength int
	// LiveMin returns the least number of characters in place of MinLength, MinBeside to
	// 64, at each use; nil: it stays.
	LiveMin func() int
	// MinBeside is that beside a second factor, 8 to MinLength. Default: 8
	// (63B-4 §3.1.1.2).
	MinBeside int
	// MaxLength is the greatest number of characters, 64 to 1024. Default: 256.
	MaxLength int
	// MinScore is the least zxcvbn score, 1 to 4. Default: 2.
	MinScore int
	// Context are words of the deployment (its name, its domain) that are no secret to
	// anyone. "gatehouse" is always among them.
	Context []string
	// Breached reports whether a password, as Normalize returned it, is of a known breach. It is asked once for every password that breaks
	// no other rule of what is easily guessed. Nil: none is known to be.
	Breached func(password string) bool
}

// Policy judges passwords. It is safe for concurrent use.
type Policy struct {
	min, max, score int
	live            func() int // in place of min; may be nil
	context         []string
	breached        func(string) bool // may be nil
	beside          *Policy           // nil: it is that one
}

// New returns a Policy. Values outside the ranges of [Config] are errors.
func New(cfg Config) (*Policy, error) {
	p := &Policy{min: cfg.MinLength, live: cfg.LiveMin, max: cfg.MaxLength, score: cfg.MinScore, breached: cfg.Breached}
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
	beside := *p
	beside.live = nil
	if beside.min = cfg.MinBeside; beside.min == 0 {
		beside.min = 8
	}
	if beside.min < 8 || beside.min > p.min {
		return nil, fmt.Errorf("password min length beside a second factor is %d, it needs to be 8 to %d", beside.min, p.min)
	}
	p.beside = &beside
	return p, nil
}

// Beside returns the policy for passwords that never stand alone: the owner has second
// factors on.
func (p *Policy) Beside() *Policy {
	if p.beside == nil {
		return p
	}
	return p.beside
}

// Short reports whether a password, as Normalize returned it, is too short to stand alone.
func (p *Policy) Short(password string) bool {
	return utf8.RuneCountInString(password) < p.MinLength()
}

// MinLength is the least number of characters.
func (p *Policy) MinLength() int {
	if p.live != nil {
		return p.live()
	}
	return p.min
}

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

// Check returns the rules that a password to be set breaks; none means that it is good. It
// takes the text that Normalize returned, and as context what is known of the account:
// address, names.
func (p *Policy) Check(password string, context ...string) []Broken {
	// One code point is one character (63B §3.1.1.2).
	length := utf8.RuneCountInString(password)
	if length > p.max {
		return []Broken{{TooLong, p.max}}
	}
	var wrong []Broken
	if least := p.MinLength(); length < least {
		wrong = append(wrong, Broken{TooShort, least})
	}
	folded := strings.ToLower(password)
	words := contextWords(p.context, context)
	switch {
	case isCommon(folded):
		wrong = append(wrong, Broken{Rule: Common})
	case p.mostlyContext(folded, words):
		wrong = append(wrong, Broken{Rule: Context})
	case p.repeats(folded):
		wrong = append(wrong, Broken{Rule: Repeats})
	case guessable(password, words) < p.score:
		wrong = append(wrong, Broken{Rule: Guessable})
	case p.breached != nil && p.breached(password): // 63B §3.1.1.2: L16
		wrong = append(wrong, Broken{Rule: Breached})
	}
	return wrong
}
