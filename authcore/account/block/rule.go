package block

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Act is what a rule keeps somebody from.
type Act string

// The acts.
const (
	SignUp Act = "signup" // also taking a username
	Login  Act = "login"  // every way in
	Send   Act = "send"   // codes, links and invitations
)

// Acts returns every act.
func Acts() []Act { return []Act{SignUp, Login, Send} }

// DefaultActs are those of a rule that names none: it keeps nobody out who is in already.
func DefaultActs() []Act { return []Act{SignUp, Send} }

// ParseActs reads the names of acts; none are the default. They come back in the order of [Acts].
func ParseActs(names []string) ([]Act, error) {
	if len(names) == 0 {
		return DefaultActs(), nil
	}
	var acts []Act
	for i, name := range names {
		if !slices.Contains(Acts(), Act(name)) {
			return nil, fmt.Errorf("%q is no act; it is signup, login or send", name)
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("%q is given twice", name)
		}
	}
	for _, act := range Acts() {
		if slices.Contains(names, string(act)) {
			acts = append(acts, act)
		}
	}
	return acts, nil
}

// Source is where a rule comes from.
type Source string

// The sources.
const (
	FromCaddyfile Source = "caddyfile"
	FromRuntime   Source = "runtime"
	FromTrap      Source = "trap"
)

// Rule is one rule, as people see it.
type Rule struct {
	ID        uuid.UUID
	Kind      Kind
	Pattern   string // as it was written; of a list, its words
	For       []Act  // in the order of [Acts]
	Reason    string
	Source    Source
	CreatedAt time.Time // zero for one of the Caddyfile
	CreatedBy uuid.UUID // the account; zero for nobody's
	ExpiresAt time.Time // zero: never
	Hits      int64     // written every second
	LastHitAt time.Time // zero: never
}

// configuredSpace is of the ids of rules of the Caddyfile: the same rule has the same id on every node and after each reload.
var configuredSpace = uuid.MustParse("6f4b2c8e-52a7-4e0f-9c1d-0d1f6a3b7e55")

// Configured returns the rule of a line of the Caddyfile, which matches what m does.
func Configured(kind Kind, pattern string, acts []Act, m Matcher) Compiled {
	words := make([]string, len(acts))
	for i, act := range acts {
		words[i] = string(act)
	}
	id := uuid.NewSHA1(configuredSpace, []byte(string(kind)+" "+strings.Join(words, ",")+" "+pattern))
	return Compiled{Rule: Rule{ID: id, Kind: kind, Pattern: pattern, For: acts, Source: FromCaddyfile}, Matcher: m}
}
