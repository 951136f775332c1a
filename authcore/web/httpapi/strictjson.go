package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
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
// differently is refused (RFC 8259 §4, RFC 7493), at any depth.
func members(text []byte) (map[string]json.RawMessage, error) {
	if !withinLimits(text) {
		return nil, errJSON
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(text))
	if open, err := d.ReadToken(); err != nil || open.Kind() != '{' {
		return nil, errJSON
	}
	out := make(map[string]json.RawMessage)
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, errJSON
		}
		key := name.String() // unescaped: "a" and "\u0061" are one name
		value, err := d.ReadValue()
		if err != nil {
			return nil, errJSON
		}
		out[key] = json.RawMessage(bytes.Clone(value))
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, errJSON
	}
	return out, nil
}

// withinLimits reports whether text is JSON, with nothing after it, that costs no more than its bytes. It stops at the
// first offence (I06). NUL is refused because stores refuse it, and a number that no float64 holds because it is a number
// to the grammar and an error or infinity to parsers.
func withinLimits(text []byte) bool {
	d := jsontext.NewDecoder(bytes.NewBuffer(text))
	for values := 0; ; values++ {
		if values > 0 && d.StackDepth() == 0 {
			_, err := d.ReadToken()
			return errors.Is(err, io.EOF)
		}
		kind, length := d.StackIndex(d.StackDepth())
		isName := kind == '{' && length%2 == 0
		if isName && overlong(text[d.InputOffset():]) {
			return false
		}
		token, err := d.ReadToken()
		if err != nil || values > 2*maxValues || d.StackDepth() > maxDepth {
			return false
		}
		switch token.Kind() {
		case '"':
			if plain := token.String(); strings.ContainsRune(plain, 0) || isName && len(plain) > maxName {
				return false
			}
		case '0':
			if number := token.String(); len(number) > maxNumber || !finite(number) {
				return false
			}
		}
	}
}

// overlong reports whether the name that comes next is longer than one of maxName bytes can be written. The decoder would
// unescape it twice before it is counted, once to look for duplicates (I06).
func overlong(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n,")
	if len(text) == 0 || text[0] != '"' {
		return false // no name, or a mistake that the decoder finds
	}
	const longest = maxName * len(`\u0061`)
	for i := 1; i < len(text) && text[i] != '"'; i++ {
		if i > longest {
			return true
		}
		if text[i] == '\\' {
			i++
		}
	}
	return false
}

func finite(number string) bool {
	_, err := strconv.ParseFloat(number, 64)
	return err == nil
}
