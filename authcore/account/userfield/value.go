package userfield

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

const maxInteger = 999_999_999_999_999

// check returns a value, as JSON decodes into any, in the form that is kept: a text in NFC and trimmed, a number as float64. Texts are
// one line without control characters, because they go into headers and logs (P19).
func (f Field) check(value any) (any, error) {
	if value == "" {
		return nil, nil
	}
	switch f.Type {
	case Integer:
		return integer(value)
	case Boolean:
		if _, ok := value.(bool); !ok {
			return nil, broken(authcore.FieldBoolean)
		}
		return value, nil
	}
	text, ok := value.(string)
	if !ok {
		return nil, broken(authcore.FieldText)
	}
	text, err := identifier.Line(text, max(f.Length(), map[Type]int{Date: DefaultMax, Choice: DefaultMax}[f.Type]))
	if err != nil {
		return nil, err
	}
	return text, f.checkText(text)
}

func (f Field) checkText(text string) error {
	if text == "" {
		return nil // there is none
	}
	switch f.Type {
	case Date:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return broken(authcore.FieldDate)
		}
	case URL:
		// Other schemes could run a script in the page that links to it.
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(text, " \\<>\"") {
			return broken(authcore.FieldURL)
		}
	case Choice:
		if !slices.Contains(f.Values, text) {
			return broken(authcore.FieldChoice)
		}
	case Text:
		if f.Pattern != nil && !f.Pattern.MatchString(text) {
			return broken(authcore.FieldPattern)
		}
	}
	return nil
}

// integer takes a JSON number without a fraction.
func integer(value any) (any, error) {
	number, ok := value.(float64)
	if n, isNumber := value.(json.Number); isNumber {
		parsed, err := n.Float64()
		number, ok = parsed, err == nil
	}
	if !ok || number != math.Trunc(number) || math.Abs(number) > maxInteger {
		return nil, broken(authcore.FieldInteger)
	}
	return number + 0, nil // no negative zero
}

// What makes a regular expression one of the whole text.
const wholeStart, wholeEnd = "^(?:", ")$"

// Pattern reads a regular expression (RE2) that a whole text must match.
func Pattern(text string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(text); err != nil { // by itself: half a group would close ours
		return nil, err
	}
	return regexp.Compile(wholeStart + text + wholeEnd)
}

// Form returns the regular expression that a text must match, as the operator wrote it; "" for none.
func (f Field) Form() string {
	if f.Pattern == nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(f.Pattern.String(), wholeStart), wholeEnd)
}

func broken(rule authcore.Rule) error { return authcore.FieldError{Rule: rule} }

// Parse reads what was typed into a form: a number, and the words true and false, as JSON would have them; any other as text, of which
// Change says what is wrong. nil is nothing.
func (f Field) Parse(typed string) any {
	typed = strings.TrimSpace(typed)
	switch {
	case typed == "":
		return nil
	case f.Type == Boolean && (typed == "true" || typed == "false"):
		return typed == "true"
	case f.Type == Integer:
		if n, err := strconv.ParseInt(typed, 10, 64); err == nil {
			return float64(n)
		}
	}
	return typed
}

// Format writes a value as Parse reads it; "" for none.
func (f Field) Format(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}
