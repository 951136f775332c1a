package drf

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// A Failure is what DRF calls an APIException: an error that is an answer.
type Failure struct {
	Answer
	// Wait says when to try again; zero for nothing.
	Wait time.Duration
}

// Error is for logs.
func (f *Failure) Error() string { return fmt.Sprintf("%d %v", f.Status, f.Body) }

// Write answers a request with the failure. challenge is the header field WWW-Authenticate of a 401 ([Challenge]); where the first
// way to authenticate has none, DRF answers 403 in place of 401, and so does this for "".
func (f *Failure) Write(w http.ResponseWriter, r *http.Request, challenge string) {
	a := f.Answer
	h := w.Header()
	h.Del("WWW-Authenticate")
	if a.Status == http.StatusUnauthorized {
		if challenge == "" {
			a.Status = http.StatusForbidden
		} else {
			h.Set("WWW-Authenticate", challenge)
		}
	}
	if f.Wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(wholeSeconds(f.Wait), 10))
	}
	Write(w, r, a)
}

// Detail is a failure with the body {"detail"}.
func Detail(status int, detail string) *Failure {
	return &Failure{Answer: Answer{status, Object{{"detail", detail}}}}
}

// DetailCode is a failure with the body {"detail","code"}.
func DetailCode(status int, detail, code string) *Failure {
	return &Failure{Answer: Answer{status, Object{{"detail", detail}, {"code", code}}}}
}

// NonField is a 400 about a body as a whole.
func NonField(texts ...string) *Failure { return FieldErrors{{"non_field_errors", texts}}.Failure() }

// List is a 400 whose body is a bare list, as errors are that a view finds after the serializer has passed.
func List(texts ...string) *Failure { return &Failure{Answer: Answer{http.StatusBadRequest, texts}} }

// NotAuthenticated is the answer to a request without credentials.
func NotAuthenticated() *Failure {
	return Detail(http.StatusUnauthorized, "Authentication credentials were not provided.")
}

// PermissionDenied is the answer to who may not do this.
func PermissionDenied() *Failure {
	return Detail(http.StatusForbidden, "You do not have permission to perform this action.")
}

// NotFound is the answer about a thing that is not there.
func NotFound() *Failure { return Detail(http.StatusNotFound, "Not found.") }

// MethodNotAllowed is the answer to a method that the path does not have.
func MethodNotAllowed(method string) *Failure {
	return Detail(http.StatusMethodNotAllowed, fmt.Sprintf("Method \"%s\" not allowed.", method))
}

// UnsupportedMediaType is the answer to a body of another type; given is the header field Content-Type.
func UnsupportedMediaType(given string) *Failure {
	const most = 200
	if len(given) > most {
		given = given[:most]
	}
	return Detail(http.StatusUnsupportedMediaType, fmt.Sprintf("Unsupported media type \"%s\" in request.", given))
}

// Throttled is the answer past a limit. It says when to come again where that is known.
func Throttled(wait time.Duration) *Failure {
	detail := "Request was throttled."
	switch n := wholeSeconds(wait); {
	case n == 1:
		detail += " Expected available in 1 second."
	case n > 1:
		detail += " Expected available in " + strconv.FormatInt(n, 10) + " seconds."
	}
	f := Detail(http.StatusTooManyRequests, detail)
	f.Wait = wait
	return f
}

// SecondFactorOwed is the answer to a sign-in with the right password that also needs a second factor: send `otp` with it.
func SecondFactorOwed() *Failure {
	return DetailCode(http.StatusUnauthorized, "Two-factor authentication is required: send `otp` too.", "2fa_required")
}

// wholeSeconds rounds up: a client that waits as told must not come too early.
func wholeSeconds(d time.Duration) int64 { return int64((max(d, 0) + time.Second - 1) / time.Second) }

// A FieldError is what is wrong with one field of a body.
type FieldError struct {
	Field string
	Texts []string
}

// FieldErrors is what is wrong with the fields of a body, in order.
type FieldErrors []FieldError

// Add returns the errors with one more.
func (all FieldErrors) Add(field, complaint string) FieldErrors {
	for i := range all {
		if all[i].Field == field {
			all[i].Texts = append(all[i].Texts, complaint)
			return all
		}
	}
	return append(all, FieldError{field, []string{complaint}})
}

// Failure is the 400 with all of them; nil for none.
func (all FieldErrors) Failure() *Failure {
	if len(all) == 0 {
		return nil
	}
	body := make(Object, len(all))
	for i, e := range all {
		body[i] = Member{e.Field, e.Texts}
	}
	return &Failure{Answer: Answer{http.StatusBadRequest, body}}
}

// Invalid is a 400 about one field.
func Invalid(field, complaint string) *Failure { return FieldErrors{}.Add(field, complaint).Failure() }
