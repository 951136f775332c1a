package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxDepth  = 32
	maxValues = 4096 // members and elements in a body; no call needs nearly as many
	maxNumber = 64   // bytes
	maxName   = 256  // bytes
)

// errJSON is every way in which a body is not the JSON that all parsers agree on.
var errJSON = errors.New("not one JSON object")

// members returns the raw members of the one object in text by their exact names. It is stricter than encoding/json,
// which takes the last of duplicate members, folds case and replaces broken UTF-8: what another parser would read
// differently is refused (RFC 8259 §4, RFC 7493), at any depth. It reads text once and stops at the first offence, so
// that abuse costs no more than its bytes (I06).
func members(text []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(text) {
		return nil, errJSON
	}
	s := scanner{text: text}
	s.space()
	if s.peek() != '{' {
		return nil, errJSON
	}
	out := make(map[string]json.RawMessage)
	if !s.object(1, out) {
		return nil, errJSON
	}
	s.space()
	if s.at != len(text) {
		return nil, errJSON
	}
	return out, nil
}

type scanner struct {
	text   []byte
	at     int
	values int
}

// peek returns the next byte, or 0 at the end; 0 is never part of JSON.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) space() {
	for {
		switch s.peek() {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) value(depth int) bool {
	if s.values++; s.values > maxValues {
		return false
	}
	switch c := s.peek(); {
	case c == '{':
		return s.object(depth+1, nil)
	case c == '[':
		return s.array(depth + 1)
	case c == '"':
		_, _, ok := s.str()
		return ok
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(s.text[s.at:], []byte(word)) {
			s.at += len(word)
			return true
		}
	}
	return false
}

// object reads an object; its members go into out where that is not nil.
func (s *scanner) object(depth int, out map[string]json.RawMessage) bool {
	if depth > maxDepth || !s.take('{') {
		return false
	}
	seen := make(map[string]bool)
	for s.space(); !s.take('}'); s.space() {
		if len(seen) > 0 {
			if !s.take(',') {
				return false
			}
			s.space()
		}
		name, ok := s.name()
		if !ok || seen[name] {
			return false
		}
		seen[name] = true
		s.space()
		if !s.take(':') {
			return false
		}
		s.space()
		start := s.at
		if !s.value(depth) {
			return false
		}
		if out != nil {
			out[name] = s.text[start:s.at]
		}
	}
	return true
}

func (s *scanner) array(depth int) bool {
	if depth > maxDepth || !s.take('[') {
		return false
	}
	s.space()
	if s.take(']') {
		return true
	}
	for {
		s.space()
		if !s.value(depth) {
			return false
		}
		s.space()
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// name reads the name of a member, unescaped: "a" and "\u0061" are one name.
func (s *scanner) name() (string, bool) {
	raw, escaped, ok := s.str()
	if !ok || len(raw) > maxName+2 {
		return "", false
	}
	if !escaped {
		return string(raw[1 : len(raw)-1]), true
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}

// str reads a string and returns it with its quotes. NUL and lone surrogates are refused: stores refuse the first and
// every language reads the second differently.
func (s *scanner) str() (raw []byte, escaped, ok bool) {
	start := s.at
	if !s.take('"') {
		return nil, false, false
	}
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return s.text[start:s.at], escaped, true
		case c < ' ':
			return nil, false, false
		case c == '\\':
			escaped = true
			if !s.escape() {
				return nil, false, false
			}
		default:
			s.at++
		}
	}
	return nil, false, false
}

func (s *scanner) escape() bool {
	s.at++
	switch c := s.peek(); c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return true
	case 'u':
		r, ok := s.unit()
		if !ok || r == 0 {
			return false
		}
		if !utf16.IsSurrogate(r) {
			return true
		}
		if !s.take('\\') || s.peek() != 'u' {
			return false
		}
		low, ok := s.unit()
		return ok && utf16.DecodeRune(r, low) != utf8.RuneError
	}
	return false
}

// unit reads the letter u and four hex digits.
func (s *scanner) unit() (rune, bool) {
	if s.at+5 > len(s.text) {
		return 0, false
	}
	var n rune
	for _, c := range s.text[s.at+1 : s.at+5] {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			n = n<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	s.at += 5
	return n, true
}

// number reads a number that a float64 can hold: 1e999 is a number to the grammar and an error or infinity to parsers.
func (s *scanner) number() bool {
	start := s.at
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return false
		}
	}
	if s.at-start > maxNumber {
		return false
	}
	_, err := strconv.ParseFloat(string(s.text[start:s.at]), 64)
	return err == nil
}

func (s *scanner) digits() bool {
	start := s.at
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.at++
	}
	return s.at > start
}
