package drf

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// readJSON reads one JSON value. What it takes is decided by the decoder alone; on a refusal [pythonComplaint] makes the text.
func readJSON(body []byte) (*Data, error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(body))
	d, err := decode(decoder)
	if err == nil {
		if _, err = decoder.ReadToken(); errors.Is(err, io.EOF) {
			return d, nil
		}
	}
	return nil, Detail(http.StatusBadRequest, "JSON parse error - "+pythonComplaint(body))
}

func decode(decoder *jsontext.Decoder) (*Data, error) {
	if decoder.PeekKind() != '{' {
		whole, err := decoder.ReadValue()
		if err != nil {
			return nil, err
		}
		broken := NonField("Invalid data. Expected a dictionary, but got " + pythonType(whole) + ".")
		if whole.Kind() == 'n' {
			broken = NonField("No data provided")
		}
		return &Data{broken: broken}, nil
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, err
	}
	d := &Data{fields: map[string]value{}}
	for decoder.PeekKind() == '"' {
		name, err := decoder.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		content, err := decoder.ReadValue()
		if err != nil {
			return nil, err
		}
		d.fields[key] = fromJSON(content)
	}
	_, err := decoder.ReadToken()
	return d, err
}

func fromJSON(content jsontext.Value) value {
	switch content.Kind() {
	case 'n':
		return value{kind: null}
	case '"':
		if !bytes.ContainsRune(content, '\\') {
			return value{text, string(content[1 : len(content)-1])}
		}
		plain, err := jsontext.AppendUnquote(nil, content)
		if err != nil { // unreachable: the decoder has read it
			return value{kind: other}
		}
		return value{text, string(plain)}
	case '0':
		if plain, ok := pythonNumber(string(content)); ok {
			return value{number, plain}
		}
	case 't', 'f':
		return value{boolean, string(content)}
	}
	return value{kind: other}
}

func pythonType(content jsontext.Value) string {
	switch content.Kind() {
	case '[':
		return "list"
	case '"':
		return "str"
	case '0':
		if isFloat(string(content)) {
			return "float"
		}
		return "int"
	}
	return "bool"
}

func isFloat(number string) bool { return strings.ContainsAny(number, ".eE") }

// pythonNumber is str() of the number that Python's json reads; false for one that no float holds.
func pythonNumber(number string) (string, bool) {
	if !isFloat(number) {
		if number == "-0" {
			number = "0"
		}
		return number, true
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return "", false
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64), true
	}
	plain := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(plain, ".") {
		plain += ".0"
	}
	return plain, true
}

// pythonComplaint is what Python's json says about a text that is not JSON, with the place. It is for texts that the decoder has
// refused: where it finds nothing wrong itself (duplicate members, lone surrogates, depth) it names no place.
func pythonComplaint(body []byte) string {
	for i := 0; i < len(body); {
		r, size := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && size == 1 {
			return "'utf-8' codec can't decode byte 0x" + strconv.FormatUint(uint64(body[i]), 16) + " in position " + strconv.Itoa(i) +
				": invalid start byte"
		}
		i += size
	}
	p := &pythonScanner{text: []rune(string(body))}
	if strings.HasPrefix(string(body), "\ufeff") {
		p.complain("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0)
		return p.said
	}
	p.space()
	if p.value(0) {
		p.space()
		if p.at < len(p.text) {
			p.complain("Extra data", p.at)
		}
	}
	if p.said == "" {
		return "The text is not I-JSON"
	}
	return p.said
}

// pythonScanner walks through a text as Python's json does, up to the first thing that is wrong.
type pythonScanner struct {
	text []rune
	at   int
	said string
}

// maxScan is how deep values may be nested for the scanner to look into them.
const maxScan = 64

func (p *pythonScanner) complain(what string, at int) bool {
	line, column := 1, at+1
	for i, r := range p.text[:min(at, len(p.text))] {
		if r == '\n' {
			line++
			column = at - i
		}
	}
	p.said = what + ": line " + strconv.Itoa(line) + " column " + strconv.Itoa(column) + " (char " + strconv.Itoa(at) + ")"
	return false
}

// peek is the next character; -1 at the end.
func (p *pythonScanner) peek() rune {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return -1
}

func (p *pythonScanner) space() {
	for strings.ContainsRune(" \t\n\r", p.peek()) {
		p.at++
	}
}

func (p *pythonScanner) skip(word string) bool {
	if !strings.HasPrefix(string(p.text[p.at:min(len(p.text), p.at+len(word))]), word) {
		return false
	}
	p.at += len(word)
	return true
}

// value skips one value. It reports false when something was wrong, or when it does not look further.
func (p *pythonScanner) value(depth int) bool {
	switch r := p.peek(); {
	case depth > maxScan:
		return false
	case r == '"':
		return p.string()
	case r == '{':
		p.at++
		return p.list('}', func() bool { return p.member(depth) })
	case r == '[':
		p.at++
		return p.list(']', func() bool { return p.value(depth + 1) })
	case p.skip("null"), p.skip("true"), p.skip("false"):
		return true
	}
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if p.skip(word) {
			p.said = "Out of range float values are not JSON compliant: '" + word + "'"
			return false
		}
	}
	return p.number()
}

// list skips what is between brackets: items, or the members of an object.
func (p *pythonScanner) list(end rune, item func() bool) bool {
	p.space()
	if p.peek() == end {
		p.at++
		return true
	}
	for {
		if !item() {
			return false
		}
		p.space()
		if p.peek() == end {
			p.at++
			return true
		}
		if p.peek() != ',' {
			return p.complain("Expecting ',' delimiter", p.at)
		}
		p.at++
		p.space()
	}
}

func (p *pythonScanner) member(depth int) bool {
	if p.peek() != '"' {
		return p.complain("Expecting property name enclosed in double quotes", p.at)
	}
	if !p.string() {
		return false
	}
	p.space()
	if p.peek() != ':' {
		return p.complain("Expecting ':' delimiter", p.at)
	}
	p.at++
	p.space()
	return p.value(depth + 1)
}

func (p *pythonScanner) string() bool {
	begin := p.at
	for p.at++; p.peek() != '"'; p.at++ {
		switch r := p.peek(); {
		case r < 0:
			return p.complain("Unterminated string starting at", begin)
		case r < ' ':
			return p.complain("Invalid control character at", p.at)
		case r == '\\':
			if !p.escape(begin) {
				return false
			}
		}
	}
	p.at++
	return true
}

// escape skips an escape but for its last character.
func (p *pythonScanner) escape(begin int) bool {
	p.at++
	switch r := p.peek(); {
	case r < 0:
		return p.complain("Unterminated string starting at", begin)
	case r == 'u':
		digits := string(p.text[p.at+1 : min(len(p.text), p.at+5)])
		if len(digits) < 4 || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
			return p.complain(`Invalid \uXXXX escape`, p.at)
		}
		p.at += 4
	case !strings.ContainsRune(`"\/bfnrt`, r):
		return p.complain(`Invalid \escape`, p.at-1)
	}
	return true
}

func (p *pythonScanner) number() bool {
	begin := p.at
	if p.peek() == '-' {
		p.at++
	}
	digits := func() bool {
		first := p.at
		for '0' <= p.peek() && p.peek() <= '9' {
			p.at++
		}
		return p.at > first
	}
	if p.peek() == '0' {
		p.at++
	} else if !digits() {
		p.at = begin
		return p.complain("Expecting value", begin)
	}
	whole := p.at
	if p.peek() == '.' {
		if p.at++; !digits() {
			p.at = whole
			return true
		}
		whole = p.at
	}
	if p.peek() == 'e' || p.peek() == 'E' {
		if p.at++; p.peek() == '+' || p.peek() == '-' {
			p.at++
		}
		if !digits() {
			p.at = whole
		}
	}
	return true
}
