package drf

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
)

const (
	maxBody  = 64 << 10 // bytes; a dialect's largest body is two tokens
	maxParts = 64       // of a multipart form (I06)
)

// MediaTypes are those that bodies may have, as OPTIONS lists them.
var MediaTypes = []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}

// kind is what a value is to a serializer.
type kind int

const (
	absent kind = iota
	null
	text
	number
	boolean
	other // a list, an object or a file
)

// A value is one member of a body.
type value struct {
	kind kind
	text string // of a number as Python's str() has it; of a boolean "true" or "false"
}

// Data is the body of a request, read once. It is not safe for concurrent use.
type Data struct {
	form   bool // it came from a form, where an empty field means that nothing was entered
	fields map[string]value
	// broken is what is wrong with a body that is no object; nil for nothing.
	broken *Failure
}

// Read reads the body of a request as DRF's JSON, form and multipart parsers do. The error is a [*Failure]. A request without a body
// has no fields, whatever its type. Where DRF takes the last of duplicate members of JSON, Read refuses them (RFC 7493 §2.3, I06).
func Read(w http.ResponseWriter, r *http.Request) (*Data, error) {
	given := strings.Join(r.Header["Content-Type"], ",")
	media, params, _ := mime.ParseMediaType(given) // without a boundary multipart fails by itself
	body, err := readAll(w, r)
	if err != nil {
		return nil, err
	}
	isForm := media == MediaTypes[1] || media == MediaTypes[2]
	switch enc := strings.Join(r.Header["Content-Encoding"], ","); {
	case len(body) == 0:
		return &Data{form: isForm}, nil
	case enc != "" && !strings.EqualFold(enc, "identity"): // so there is nothing to blow up (D12)
		return nil, UnsupportedMediaType(given)
	case media == MediaTypes[0]:
		return readJSON(body)
	case media == MediaTypes[1]:
		return readForm(string(body)), nil
	case media == MediaTypes[2]:
		return readMultipart(body, params["boundary"])
	}
	return nil, UnsupportedMediaType(given)
}

func readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		return nil, tooLarge()
	}
	var body []byte
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	}
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		w.Header().Set("Connection", "close")
		return nil, tooLarge()
	case err != nil:
		return nil, Detail(http.StatusBadRequest, "Malformed request.")
	}
	return body, nil
}

func tooLarge() *Failure {
	return Detail(http.StatusRequestEntityTooLarge, "The body is larger than 64 KiB.")
}

// readForm reads a form as Python's parse_qsl does, which never fails: only & separates, a % that begins no octet stands for
// itself, bytes that are not UTF-8 become U+FFFD, and the last of duplicate fields counts.
func readForm(body string) *Data {
	d := &Data{form: true, fields: map[string]value{}}
	for pair := range strings.SplitSeq(body, "&") {
		if pair == "" {
			continue
		}
		name, content, _ := strings.Cut(pair, "=")
		d.fields[unquote(name)] = value{text, unquote(content)}
	}
	return d
}

func unquote(s string) string {
	s = strings.ReplaceAll(s, "+", " ")
	if strings.IndexByte(s, '%') >= 0 {
		out := make([]byte, 0, len(s))
		for i := 0; i < len(s); i++ {
			if s[i] == '%' && i+2 < len(s) && hex(s[i+1]) >= 0 && hex(s[i+2]) >= 0 {
				out = append(out, byte(hex(s[i+1])<<4|hex(s[i+2])))
				i += 2
				continue
			}
			out = append(out, s[i])
		}
		s = string(out)
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// hex is the value of a hexadecimal digit; -1 for what is none.
func hex(b byte) int { return strings.IndexByte("0123456789abcdef", b|0x20) }

func readMultipart(body []byte, boundary string) (*Data, error) {
	if boundary == "" || len(boundary) > 70 { // RFC 2046 §5.1.1
		return nil, Detail(http.StatusBadRequest, "Multipart form parse error - Invalid boundary in multipart: None")
	}
	d := &Data{form: true, fields: map[string]value{}}
	parts := multipart.NewReader(strings.NewReader(string(body)), boundary)
	for range maxParts {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return d, nil
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(part)
		}
		if err != nil {
			return nil, Detail(http.StatusBadRequest, "Multipart form parse error - The form is incomplete.")
		}
		switch name := part.FormName(); {
		case name == "": // Django skips it too
		case part.FileName() != "":
			d.fields[name] = value{kind: other}
		default:
			d.fields[name] = value{text, strings.ToValidUTF8(string(content), "\ufffd")}
		}
	}
	return nil, Detail(http.StatusBadRequest, "Multipart form parse error - The form has too many fields.")
}
