package page

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// maxForm is the size of the largest form: the longest values that any field takes fit many times.
const maxForm = 64 << 10

// IsForm reports whether a browser can send a request of this type from a form (WHATWG HTML, form submission).
func IsForm(r *http.Request) bool {
	switch mediaType(r) {
	case "application/x-www-form-urlencoded":
		return true
	case "multipart/form-data", "text/plain":
		// The other kinds that a form of any page can send. From a program they are a call with a wrong type.
		return len(r.Header["Origin"]) > 0 || len(r.Header["Sec-Fetch-Site"]) > 0
	}
	return false
}

func mediaType(r *http.Request) string {
	lines := r.Header["Content-Type"]
	if len(lines) != 1 || len(lines[0]) > 256 {
		return ""
	}
	media, _, err := mime.ParseMediaType(lines[0])
	if err != nil {
		return ""
	}
	return media
}

// ReadForm reads the form that a page of ours sent. The query is no part of it. It refuses what comes from elsewhere before it reads
// (B04).
func (q *Request) ReadForm() (err error) {
	if err := q.Authenticator.Origins().CheckForm(q.R, q.Info.HTTPS); err != nil {
		return err
	}
	q.Form, err = readForm(q.W, q.R)
	return err
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	enc := r.Header["Content-Encoding"]
	if mediaType(r) != "application/x-www-form-urlencoded" || len(enc) > 1 || len(enc) == 1 && !strings.EqualFold(enc[0], "identity") {
		return nil, authcore.Refuse(authcore.UnsupportedMediaType, "Send forms as application/x-www-form-urlencoded.")
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		w.Header().Set("Connection", "close")
		return nil, authcore.Refuse(authcore.RequestTooLarge, "The form is larger than 64 KiB.")
	case err != nil:
		return nil, authcore.Refuse(authcore.InvalidRequest, "The form is incomplete.").Because(err)
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, authcore.Refuse(authcore.InvalidRequest, "The form cannot be read.").Because(err)
	}
	for _, values := range form {
		// Of two values of a field one part of us might check the first and another use the second.
		if len(values) != 1 || !utf8.ValidString(values[0]) {
			return nil, authcore.Refuse(authcore.InvalidRequest, "The form has a field twice, or a value that is not text.")
		}
	}
	return form, nil
}

// maxParts is how many fields a form with a file may have.
const maxParts = 16

// readUpload reads a form with one file of at most so many bytes. The file is the part that has a name of a file.
func readUpload(w http.ResponseWriter, r *http.Request, most int64) (form url.Values, file []byte, err error) {
	enc := r.Header["Content-Encoding"]
	if mediaType(r) != "multipart/form-data" || len(enc) > 1 || len(enc) == 1 && !strings.EqualFold(enc[0], "identity") {
		return nil, nil, authcore.Refuse(authcore.UnsupportedMediaType, "Send this form as multipart/form-data.")
	}
	r.Body = http.MaxBytesReader(w, r.Body, most+maxForm)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, authcore.Refuse(authcore.InvalidRequest, "The form cannot be read.").Because(err)
	}
	form = url.Values{}
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, file, nil
		}
		var text []byte
		if err == nil {
			text, err = io.ReadAll(part)
		}
		var over *http.MaxBytesError
		switch {
		case errors.As(err, &over) || int64(len(text)) > most:
			w.Header().Set("Connection", "close")
			return nil, nil, authcore.Refuse(authcore.RequestTooLarge, "The file is too large.")
		case err != nil:
			return nil, nil, authcore.Refuse(authcore.InvalidRequest, "The form is incomplete.").Because(err)
		}
		if err := addPart(form, &file, part, text); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, authcore.Refuse(authcore.InvalidRequest, "The form has too many fields.")
}

// addPart notes one part of a form; each field may be there once.
func addPart(form url.Values, file *[]byte, part *multipart.Part, text []byte) error {
	name := part.FormName()
	_, twice := form[name]
	switch {
	case twice || name == "":
		return authcore.Refuse(authcore.InvalidRequest, "The form has a field twice, or one without a name.")
	case part.FileName() != "":
		if *file != nil {
			return authcore.Refuse(authcore.InvalidRequest, "The form has more than one file.")
		}
		*file = text
		form.Set(name, "")
	case !utf8.Valid(text):
		return authcore.Refuse(authcore.InvalidRequest, "The form has a value that is not text.")
	default:
		form.Set(name, string(text))
	}
	return nil
}
