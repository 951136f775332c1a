package jwtkeys

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// maxMembers bounds the search for duplicates in an object that nobody has signed yet.
const maxMembers = 64

// members calls each with the name and the raw JSON of the value of every member of the
// object in text. It returns false unless text is exactly one object in UTF-8, of at
// most 64 members whose names are unescaped and differ (RFC 8725 §2.4: two decoders
// must not read one token differently), and each returned true for all. A value is
// delimited only: each has to read it by one of the functions below.
func members(text string, each func(name, value string) bool) bool {
	if !utf8.ValidString(text) {
		return false
	}
	var names [maxMembers]string
	s := scanner{text: text}
	if !s.take('{') {
		return false
	}
	for n := 0; !s.take('}'); n++ {
		if n == maxMembers || n > 0 && !s.take(',') {
			return false
		}
		quoted := s.value()
		if len(quoted) < 2 || quoted[0] != '"' || strings.IndexByte(quoted, '\\') >= 0 || !s.take(':') {
			return false
		}
		name := quoted[1 : len(quoted)-1]
		for _, seen := range names[:n] {
			if seen == name {
				return false
			}
		}
		names[n] = name
		if value := s.value(); value == "" || !each(name, value) {
			return false
		}
	}
	s.space()
	return s.at == len(text)
}

// readText reads a JSON string.
func readText(value string) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if inner := value[1 : len(value)-1]; strings.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	var text string
	err := json.Unmarshal([]byte(value), &text)
	return text, err == nil
}

// readInt reads a non-negative JSON integer of at most 15 digits: no sign, fraction,
// exponent, leading zero or quotes.
func readInt(value string) (int64, bool) {
	if value == "" || len(value) > 15 || value[0] == '0' && len(value) > 1 {
		return 0, false
	}
	var n int64
	for i := range len(value) {
		c := value[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// readTexts reads a JSON array of strings.
func readTexts(value string) ([]string, bool) {
	s := scanner{text: value}
	if !s.take('[') {
		return nil, false
	}
	var list []string
	for !s.take(']') {
		if len(list) > 0 && !s.take(',') {
			return nil, false
		}
		text, ok := readText(s.value())
		if !ok {
			return nil, false
		}
		list = append(list, text)
	}
	return list, s.at == len(value)
}

// scanner walks over JSON without building anything.
type scanner struct {
	text string
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) && isSpace(s.text[s.at]) {
		s.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// delimits tells whether c ends a number or a literal.
func delimits(c byte) bool {
	switch c {
	case ',', ':', '"', '{', '}', '[', ']':
		return true
	}
	return isSpace(c)
}

func (s *scanner) take(c byte) bool {
	s.space()
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// value returns the raw text of the next value, or "" if there is none. Strings are
// checked for their end and control characters, arrays and objects for their end.
func (s *scanner) value() string {
	s.space()
	start, depth := s.at, 0
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			if !s.quoted() {
				return ""
			}
		case c == '{' || c == '[':
			depth++
			s.at++
		case c == '}' || c == ']':
			depth--
			s.at++
		default:
			s.at++
			if depth == 0 { // a number or a literal: up to what delimits it
				for s.at < len(s.text) && !delimits(s.text[s.at]) {
					s.at++
				}
			}
		}
		if depth == 0 {
			return s.text[start:s.at]
		}
		if depth < 0 {
			return ""
		}
	}
	return ""
}

// quoted moves past a string.
func (s *scanner) quoted() bool {
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return true
		case c == '\\':
			s.at++
		case c < 0x20:
			return false
		}
	}
	return false
}
