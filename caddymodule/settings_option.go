package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// option is one word of a configuration block. Its two halves are kept apart so that a JSON configuration is judged by
// the very check that judges a Caddyfile.
type option[T any] struct {
	name   string
	repeat bool // may stand on several lines
	// parse reads the rest of the option's line (and its block) into the settings. d stands on the option's name.
	parse func(d *caddyfile.Dispenser, into *T) error
	// check tells what is wrong with the value, whatever its source; an empty value is the default and right. The text
	// does not repeat the option's name. Nil where no value can be wrong.
	check func(*T) error
}

// optionNames returns the names in the order of the table.
func optionNames[T any](options []option[T]) []string {
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = o.name
	}
	return names
}

// quoteIt is added where a line has several values for an option of one, which most often is one value with blanks in it.
func quoteIt(name string, args []string) string {
	if len(args) < 2 || strings.Contains(args[0], "://") {
		return ""
	}
	return fmt.Sprintf("; if it contains spaces, quote it: %s \"…\"", name)
}

// parseBlock reads the block that opens after d's current token. Values are checked after the whole block is read, since
// some are right only together, each at its own line.
func parseBlock[T any](d *caddyfile.Dispenser, options []option[T], into *T) error {
	type given struct {
		option[T]
		at caddyfile.Token
	}
	var seen []given
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		at := d.Token()
		i := slices.IndexFunc(options, func(o option[T]) bool { return o.name == at.Text })
		if i < 0 {
			return d.Err(unknownOption(at.Text, options))
		}
		o := options[i]
		if !o.repeat && slices.ContainsFunc(seen, func(g given) bool { return g.name == o.name }) {
			return d.Errf("%s is given twice", o.name)
		}
		inner := d.Nesting()
		if err := o.parse(d, into); err != nil {
			return err
		}
		if d.NextBlock(inner) {
			return d.Errf("%s takes no block", o.name)
		}
		seen = append(seen, given{o, at})
	}
	for _, g := range seen {
		if g.check == nil {
			continue
		}
		if err := g.check(into); err != nil {
			return errorAt(g.at, fmt.Errorf("%s: %w", g.name, err))
		}
	}
	return nil
}

// checkAll runs every check of a table and names the option of the first that fails.
func checkAll[T any](options []option[T], s *T) error {
	for _, o := range options {
		if o.check == nil {
			continue
		}
		if err := o.check(s); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return nil
}

// errorAt adds the file and line (and import chain) of a token.
func errorAt(at caddyfile.Token, err error) error {
	d := caddyfile.NewDispenser([]caddyfile.Token{at})
	d.Next()
	return d.WrapErr(err)
}

// placeOf is where the current token stands, as file:line.
func placeOf(d *caddyfile.Dispenser) string { return fmt.Sprintf("%s:%d", d.File(), d.Line()) }

// oneValue returns the only argument. Its errors never show a value: it may be a secret.
func oneValue(d *caddyfile.Dispenser) (string, error) {
	name := d.Val()
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return "", d.Errf("%s takes exactly one value%s", name, quoteIt(name, args))
	}
	return args[0], nil
}

// The readers below make the parse half of an option from the field it sets.

func readText[T any](field func(*T) *string) func(*caddyfile.Dispenser, *T) error {
	return func(d *caddyfile.Dispenser, into *T) (err error) {
		*field(into), err = oneValue(d)
		return err
	}
}

func readWords[T any](field func(*T) *[]string) func(*caddyfile.Dispenser, *T) error {
	return func(d *caddyfile.Dispenser, into *T) error {
		name := d.Val()
		args := d.RemainingArgs()
		if len(args) == 0 {
			return d.Errf("%s takes at least one value", name)
		}
		*field(into) = args
		return nil
	}
}

func readFlag[T any](field func(*T) *bool) func(*caddyfile.Dispenser, *T) error {
	return func(d *caddyfile.Dispenser, into *T) error {
		if name := d.Val(); d.CountRemainingArgs() > 0 {
			return d.Errf("%s takes no value", name)
		}
		*field(into) = true
		return nil
	}
}

// readSwitch reads `on` or `off`; no value is `on`.
func readSwitch[T any](field func(*T) *bool) func(*caddyfile.Dispenser, *T) error {
	return func(d *caddyfile.Dispenser, into *T) error {
		name, args := d.Val(), d.RemainingArgs()
		if len(args) > 1 || len(args) == 1 && args[0] != "on" && args[0] != "off" {
			return d.Errf("%s is on or off", name)
		}
		*field(into) = len(args) == 0 || args[0] == "on"
		return nil
	}
}

func readNumber[T any](field func(*T) *int) func(*caddyfile.Dispenser, *T) error {
	return func(d *caddyfile.Dispenser, into *T) error {
		name := d.Val()
		v, err := oneValue(d)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 { // zero would silently mean the default
			return d.Errf("%s: %q is not a whole number of at least 1", name, v)
		}
		*field(into) = n
		return nil
	}
}

func readDuration[T any](field func(*T) *caddy.Duration) func(*caddyfile.Dispenser, *T) error {
	return func(d *caddyfile.Dispenser, into *T) error {
		name := d.Val()
		v, err := oneValue(d)
		if err != nil {
			return err
		}
		n, err := caddy.ParseDuration(v)
		if err != nil || n <= 0 { // zero would silently mean the default
			return d.Errf("%s: %q is not a positive duration; %s", name, v, durationHint(v))
		}
		*field(into) = caddy.Duration(n)
		return nil
	}
}

// durationHint says what would be a duration, by the number that was given where there is one.
func durationHint(v string) string {
	if n, err := strconv.ParseUint(v, 10, 31); err == nil && n > 0 {
		return fmt.Sprintf("write the unit too: %ds, %[1]dm, %[1]dh or %[1]dd", n)
	}
	return "write a number and a unit, such as 90s, 5m, 12h or 30d"
}

// within checks a duration; zero is the default and right.
func within(v caddy.Duration, lo, hi time.Duration) error {
	if d := time.Duration(v); d != 0 && (d < lo || d > hi) {
		return fmt.Errorf("%s is out of range; it must be %s to %s", durationText(d), durationText(lo), durationText(hi))
	}
	return nil
}

// between checks a number; zero is the default and right.
func between(v, lo, hi int) error {
	if v != 0 && (v < lo || v > hi) {
		return fmt.Errorf("%d is out of range; it must be %d to %d", v, lo, hi)
	}
	return nil
}

// oneOf checks a word; an empty one is the default and right.
func oneOf(v string, allowed ...string) error {
	if v == "" || slices.Contains(allowed, v) {
		return nil
	}
	return errors.New(unknownWord("allowed", v, allowed))
}

// distinctOf checks a list of different words.
func distinctOf(vs []string, allowed ...string) error {
	for i, v := range vs {
		if !slices.Contains(allowed, v) {
			return errors.New(unknownWord("allowed", v, allowed))
		}
		if slices.Contains(vs[:i], v) {
			return fmt.Errorf("%q is given twice", v)
		}
	}
	return nil
}

// unknownOption says what is wrong with a word where an option should stand. Most often a block's brace was forgotten.
func unknownOption[T any](word string, options []option[T]) string {
	names := optionNames(options)
	for block, inner := range map[string][]string{
		"otp": optionNames(otpOptions), "password": optionNames(passwordOptions), "lockout": optionNames(lockoutOptions),
		"signup": optionNames(signupOptions), "phone": optionNames(phoneOptions), "honey_trap": optionNames(trapOptions),
	} {
		if slices.Contains(names, block) && slices.Contains(inner, word) {
			return fmt.Sprintf("%q is an option of a block, which begins with: %s {", word, block)
		}
	}
	return unknownWord("an option", word, names)
}

// unknownWord says that word is not `as`, guesses what was meant and lists what there is.
func unknownWord(as, word string, known []string) string {
	guess := ""
	if near := nearest(word, known); near != "" {
		guess = fmt.Sprintf("did you mean %q? ", near)
	}
	return fmt.Sprintf("%q is not %s; %sit is one of: %s", word, as, guess, strings.Join(known, ", "))
}

// nearest returns the known word that is at most two edits away, or "".
func nearest(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := edits(strings.ToLower(word), strings.ToLower(k)); d < distance && 2*d < len(k) {
			best, distance = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance of two short words; words of very different length are far apart anyway.
func edits(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// durationText writes a duration the way it is configured: 90d, 5m, 1m30s.
func durationText(d time.Duration) string {
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
