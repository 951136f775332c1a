package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// maxBody is the size of the largest body.
const maxBody = 1 << 20

// readBody reads the JSON object of a request into the fields of the struct that into points to, by the exact names in
// their json tags. Unknown members are ignored; null leaves a field as it is, except where its type says otherwise.
func readBody(w http.ResponseWriter, r *http.Request, into any) error {
	text, err := readJSON(w, r)
	if err != nil {
		return err
	}
	return bind(text, into)
}

// readOptionalBody is readBody for calls that also work without a body.
func readOptionalBody(w http.ResponseWriter, r *http.Request, into any) error {
	// Without a type it cannot be a form: a form post, even an empty one, is what a foreign page can send (B04).
	if len(r.Header["Content-Type"]) > 0 {
		text, err := readJSON(w, r)
		if err != nil || len(text) == 0 {
			return err
		}
		return bind(text, into)
	}
	text, err := readAll(w, r)
	if err != nil || len(text) == 0 {
		return err
	}
	return errMediaType()
}

func readJSON(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if !isJSON(r.Header["Content-Type"]) {
		return nil, errMediaType()
	}
	return readAll(w, r)
}

func readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// Compressed bodies are refused, so there is nothing to blow up (D12).
	if enc := r.Header["Content-Encoding"]; len(enc) > 1 || len(enc) == 1 && !strings.EqualFold(enc[0], "identity") {
		return nil, errMediaType()
	}
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		return nil, errTooLarge()
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		w.Header().Set("Connection", "close")
		return nil, errTooLarge()
	case err != nil:
		return nil, authcore.Refuse(authcore.InvalidRequest, "The body is incomplete.").Because(err)
	}
	return text, nil
}

// isJSON accepts application/json with no charset or UTF-8, which RFC 8259 §8.1 asks for anyway.
func isJSON(types []string) bool {
	if len(types) != 1 || len(types[0]) > 128 {
		return false
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil || media != "application/json" {
		return false
	}
	charset, given := params["charset"]
	return len(params) == 0 || len(params) == 1 && given && strings.EqualFold(charset, "utf-8")
}

func bind(text []byte, into any) error {
	given, err := members(text)
	if err != nil {
		return authcore.Refuse(authcore.InvalidRequest, "The body must be a single JSON object without duplicate members.").Because(err)
	}
	if err := bindFields(given, reflect.ValueOf(into).Elem()); err != nil {
		return err
	}
	if more, ok := into.(takesMore); ok {
		return more.takeMore(given)
	}
	return nil
}

// takesMore is a body, by its pointer, that has members besides those that its fields name: its value decides what becomes of each.
type takesMore interface {
	takeMore(given map[string]json.RawMessage) error
}

func bindFields(given map[string]json.RawMessage, target reflect.Value) error {
	for i := range target.NumField() {
		if target.Type().Field(i).Anonymous {
			if err := bindFields(given, target.Field(i)); err != nil {
				return err
			}
			continue
		}
		if !target.Type().Field(i).IsExported() {
			continue
		}
		name, _, _ := strings.Cut(target.Type().Field(i).Tag.Get("json"), ",")
		raw, ok := given[name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(raw, target.Field(i).Addr().Interface()); err != nil {
			return authcore.Refuse(authcore.InvalidRequest, fmt.Sprintf("The member %s has the wrong type.", name))
		}
	}
	return nil
}

func errMediaType() error {
	return authcore.Refuse(authcore.UnsupportedMediaType, "Send the body as application/json in UTF-8, not compressed.")
}

func errTooLarge() error {
	return authcore.Refuse(authcore.RequestTooLarge, "The body is larger than 1 MiB.")
}

// required refuses with InvalidFields the named fields that are empty. Arguments are name and value in turn.
func required(pairs ...string) error {
	var missing authcore.FieldErrors
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			missing.Add(pairs[i], authcore.Required)
		}
	}
	return missing.Refusal()
}

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
