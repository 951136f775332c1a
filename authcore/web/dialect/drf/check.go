package drf

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// A Field is what a serializer asks of one member of a body. Without more it is text that must be there.
type Field struct {
	Name     string
	Optional bool // it may be absent
	Blank    bool // it may be empty
	Null     bool // it may be null, which is then as empty
	Email    bool
	Secret   bool // a password: white space around it belongs to it
	Boolean  bool
	Max      int // characters; 0 for no limit
}

// Partial returns fields as PATCH asks for them: each may be absent.
func Partial(fields []Field) []Field {
	all := make([]Field, len(fields))
	for i, f := range fields {
		f.Optional = true
		all[i] = f
	}
	return all
}

// Values are the fields of a body that have passed [Data.Check], by their names. What was absent is not there.
type Values map[string]string

// Given reports whether a field was in the body.
func (v Values) Given(name string) bool {
	_, given := v[name]
	return given
}

// Bool is the value of a field that is [Field.Boolean]; false where it was absent.
func (v Values) Bool(name string) bool { return v[name] == "true" }

// Check reads fields from the body, in the order in which DRF tells of them. The error is a [*Failure] with everything that is wrong.
func (d *Data) Check(fields ...Field) (Values, error) {
	if d.broken != nil {
		return nil, d.broken
	}
	values := Values{}
	var wrong FieldErrors
	for _, f := range fields {
		content, given, complaint := f.read(d)
		switch {
		case complaint != "":
			wrong = wrong.Add(f.Name, complaint)
		case given:
			values[f.Name] = content
		}
	}
	if err := wrong.Failure(); err != nil {
		return nil, err
	}
	return values, nil
}

// Has reports whether the body has a member at all, whatever its value.
func (d *Data) Has(name string) bool { return d.fields[name].kind != absent }

func (f Field) read(d *Data) (content string, given bool, complaint string) {
	v := d.fields[f.Name]
	switch {
	case v.kind == absent && f.Boolean && d.form && !f.Optional: // a box that is not ticked
		return "false", true, ""
	case v.kind == absent && !f.Optional:
		return "", false, textRequired
	case v.kind == absent, d.form && f.Optional && !f.Blank && v.kind == text && v.text == "":
		return "", false, ""
	case v.kind == null && !f.Null:
		return "", false, textNull
	case v.kind == null:
		return "", true, ""
	case f.Boolean:
		content, complaint = readBoolean(v)
	default:
		content, complaint = f.readText(v)
	}
	return content, complaint == "", complaint
}

// readBoolean knows the words of DRF's BooleanField.
func readBoolean(v value) (content, complaint string) {
	word := v.text
	if v.kind == number && (word == "1.0" || word == "0.0") {
		word = word[:1]
	}
	switch word {
	case "t", "T", "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "1":
		return "true", ""
	case "f", "F", "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", "0":
		return "false", ""
	}
	return "", "Must be a valid boolean."
}

func (f Field) readText(v value) (content, complaint string) {
	if v.kind != text && v.kind != number {
		return "", textNotString
	}
	content = v.text
	trimmed := strings.TrimFunc(content, pythonSpace)
	switch {
	case trimmed == "" && f.Blank:
		return "", ""
	case trimmed == "":
		return "", textBlank
	case !f.Secret:
		content = trimmed
	}
	switch {
	case strings.ContainsRune(content, 0): // I05
		return "", textNUL
	case f.Max > 0 && utf8.RuneCountInString(content) > f.Max:
		return "", TooLong(f.Max)
	}
	if f.Email {
		if _, err := identifier.Email(content); err != nil {
			return "", textEmail
		}
	}
	return content, ""
}

// pythonSpace is str.isspace(), which also knows the four separators of ASCII.
func pythonSpace(r rune) bool {
	switch {
	case r >= 0x1c && r <= 0x1f, r == 0x85, r == 0xa0:
		return true
	}
	return strings.ContainsRune("\t\n\v\f\r \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000", r)
}

// The texts of DRF's fields.
const (
	textRequired  = "This field is required."
	textNull      = "This field may not be null."
	textBlank     = "This field may not be blank."
	textNotString = "Not a valid string."
	textNUL       = "Null characters are not allowed."
	textEmail     = "Enter a valid email address."
)

// Required is what DRF says of a field that must be there and is not.
func Required() string { return textRequired }

// TooLong is what DRF says of a text of more than n characters.
func TooLong(n int) string {
	return "Ensure this field has no more than " + strconv.Itoa(n) + " characters."
}
