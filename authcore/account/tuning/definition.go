package tuning

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Type is what kind of value a setting has.
type Type string

// The types.
const (
	TypeDuration Type = "duration" // such as 5m, 12h or 30d
	TypeLimit    Type = "limit"    // such as 30/1m, or off
	TypeWord     Type = "word"
	TypeNumber   Type = "number"
	TypeBool     Type = "bool"
)

// Value is a value of a setting.
type Value struct {
	Text   string // as it is shown and stored: values are the same where their texts are
	Number int64  // of a duration its nanoseconds, of a number itself; 0 for off, and for words and limits
}

// Definition is a setting. Make it by one of the functions below.
type Definition struct {
	Name       string
	Type       Type
	Range      string // what it may be, in no language: 1s-24h, off|1s-24h, open|closed
	Default    Value
	Configured *Value // what the configuration says; nil: nothing
	// Fixed says that the configuration leaves nothing to set: the option is off, say.
	Fixed bool
	parse func(text string) (Value, error)
}

// Or returns the definition with what the configuration says, of which the zero value is nothing.
func (d Definition) Or(configured Value) Definition {
	if configured.Text != "" {
		d.Configured = &configured
	}
	return d
}

// base is the value that rules while there is no run-time value.
func (d Definition) base() Value {
	if d.Configured != nil {
		return *d.Configured
	}
	return d.Default
}

// Parse reads a value. What it returns as an error is out of the range.
func (d Definition) Parse(text string) (Value, error) {
	if len(text) > maxValue {
		return Value{}, errRange
	}
	return d.parse(strings.TrimSpace(text))
}

// maxValue is the length in bytes of the longest value.
const maxValue = 64

var errRange = errors.New("out of range")

// DurationValue is a duration as a value; 0 is the zero Value.
func DurationValue(d time.Duration) Value {
	if d == 0 {
		return Value{}
	}
	return Value{Text: DurationText(d), Number: int64(d)}
}

// Duration defines a duration from lo to hi.
func Duration(name string, fallback, lo, hi time.Duration) Definition {
	d := Definition{Name: name, Type: TypeDuration, Default: DurationValue(fallback), Range: DurationText(lo) + "-" + DurationText(hi)}
	d.parse = func(text string) (Value, error) {
		v, err := ParseDuration(text)
		if err != nil || v < lo || v > hi {
			return Value{}, errRange
		}
		return DurationValue(v), nil
	}
	return d
}

// Off is the text of a setting that is off.
const Off = "off"

// OptionalDuration is Duration for a setting that may be off, and is by default.
func OptionalDuration(name string, lo, hi time.Duration) Definition {
	d := Duration(name, 0, lo, hi)
	within := d.parse
	d.Default, d.Range = Value{Text: Off}, Off+"|"+d.Range
	d.parse = func(text string) (Value, error) {
		if text == Off {
			return Value{Text: Off}, nil
		}
		return within(text)
	}
	return d
}

// NumberValue is a number as a value; 0 is the zero Value.
func NumberValue(n int) Value {
	if n == 0 {
		return Value{}
	}
	return Value{Text: strconv.Itoa(n), Number: int64(n)}
}

// Number defines a whole number from lo, which is at least 1, to hi.
func Number(name string, fallback, lo, hi int) Definition {
	d := Definition{Name: name, Type: TypeNumber, Default: NumberValue(fallback), Range: fmt.Sprintf("%d-%d", lo, hi)}
	d.parse = func(text string) (Value, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < lo || n > hi {
			return Value{}, errRange
		}
		return NumberValue(n), nil
	}
	return d
}

// WordValue is a word as a value.
func WordValue(w string) Value { return Value{Text: w} }

// Word defines one of some words, of which the first is the default.
func Word(name string, words ...string) Definition {
	d := Definition{Name: name, Type: TypeWord, Default: WordValue(words[0]), Range: strings.Join(words, "|")}
	d.parse = func(text string) (Value, error) {
		if !slices.Contains(words, text) {
			return Value{}, errRange
		}
		return WordValue(text), nil
	}
	return d
}

// Limit defines a limit such as 30/1m. parse returns the text of a rate as it is stored.
func Limit(name, fallback string, parse func(text string) (string, error)) Definition {
	d := Definition{Name: name, Type: TypeLimit, Default: Value{Text: fallback}, Range: Off + "|<count>/<window>"}
	d.parse = func(text string) (Value, error) {
		rate, err := parse(text)
		return Value{Text: rate}, err
	}
	return d
}

// Rule is what two settings must be to each other: Less is less than Than, or equal where OrEqual says so. It does not hold for a
// setting that is off.
type Rule struct {
	Less, Than string
	OrEqual    bool
}

func (r Rule) broken(less, than Value) bool {
	if less.Number == 0 || than.Number == 0 {
		return false
	}
	c := cmp.Compare(less.Number, than.Number)
	return c > 0 || c == 0 && !r.OrEqual
}

// says tells what a setting has to be by the rule, given the value of the other one: < refresh_lifetime (30d).
func (r Rule) says(name string, other Value) string {
	sign, than := "<", r.Than
	if name != r.Less {
		sign, than = ">", r.Less
	}
	if r.OrEqual {
		sign += "="
	}
	return fmt.Sprintf("%s %s (%s)", sign, than, other.Text)
}
