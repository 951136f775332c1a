package httpauth

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// statuses is the one table from codes to HTTP statuses.
var statuses = map[authcore.Code]int{
	authcore.InvalidRequest:            http.StatusBadRequest,
	authcore.InvalidFields:             http.StatusUnprocessableEntity,
	authcore.InvalidCredentials:        http.StatusUnauthorized,
	authcore.AuthenticationRequired:    http.StatusUnauthorized,
	authcore.InvalidToken:              http.StatusUnauthorized,
	authcore.InvalidRefreshToken:       http.StatusUnauthorized,
	authcore.RefreshTokenReused:        http.StatusUnauthorized,
	authcore.InvalidCode:               http.StatusBadRequest,
	authcore.InvalidMFAToken:           http.StatusUnauthorized,
	authcore.InvalidPasskey:            http.StatusBadRequest,
	authcore.UnknownPasskey:            http.StatusBadRequest,
	authcore.RegistrationProofRequired: http.StatusForbidden,
	authcore.TooManyAttempts:           http.StatusTooManyRequests,
	authcore.RateLimited:               http.StatusTooManyRequests,
	authcore.AccountLocked:             http.StatusTooManyRequests,
	authcore.AccountNotVerified:        http.StatusForbidden,
	authcore.PasswordResetRequired:     http.StatusForbidden,
	authcore.InvalidInvitation:         http.StatusBadRequest,
	authcore.InvitationRequired:        http.StatusForbidden,
	authcore.SignupClosed:              http.StatusForbidden,
	authcore.Conflict:                  http.StatusConflict,
	authcore.LastAdmin:                 http.StatusConflict,
	authcore.ManagedByConfiguration:    http.StatusConflict,
	authcore.PreconditionFailed:        http.StatusPreconditionFailed,
	authcore.LimitReached:              http.StatusConflict,
	authcore.LastWayIn:                 http.StatusConflict,
	authcore.LastFactor:                http.StatusConflict,
	authcore.InvalidProviderAnswer:     http.StatusBadRequest,
	authcore.InvalidSocialToken:        http.StatusUnauthorized,
	authcore.ProviderDenied:            http.StatusForbidden,
	authcore.ProviderUnavailable:       http.StatusServiceUnavailable,
	authcore.NoFactor:                  http.StatusConflict,
	authcore.MFAEnforced:               http.StatusConflict,
	authcore.ShortPassword:             http.StatusConflict,
	authcore.Forbidden:                 http.StatusForbidden,
	authcore.BindingRequired:           http.StatusForbidden,
	authcore.Blocked:                   http.StatusForbidden,
	authcore.ReauthenticationRequired:  http.StatusForbidden,
	authcore.MFARequired:               http.StatusForbidden,
	authcore.CrossOrigin:               http.StatusForbidden,
	authcore.NotFound:                  http.StatusNotFound,
	authcore.MethodNotAllowed:          http.StatusMethodNotAllowed,
	authcore.RequestTooLarge:           http.StatusRequestEntityTooLarge,
	authcore.HeadersTooLarge:           http.StatusRequestHeaderFieldsTooLarge,
	authcore.UnsupportedMediaType:      http.StatusUnsupportedMediaType,
	authcore.Unavailable:               http.StatusServiceUnavailable,
	authcore.Internal:                  http.StatusInternalServerError,
}

// Status returns the HTTP status of a code; 500 for one that is not in the table.
func Status(code authcore.Code) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// unavailableRetry is what a client is told to wait when a store is away and nothing better is known.
const unavailableRetry = 2 * time.Second

// Problem is the body of RFC 9457.
type Problem struct {
	Type     string              `json:"type"`
	Title    string              `json:"title"`
	Status   int                 `json:"status"`
	Detail   string              `json:"detail"`
	Instance string              `json:"instance,omitempty"`
	Code     authcore.Code       `json:"code"`
	Errors   map[string][]string `json:"errors,omitempty"` // texts in English by field
	// StepUpURL is a page where the user gives what the sign-in lacks.
	StepUpURL string `json:"step_up_url,omitempty"`

	Fields authcore.FieldErrors `json:"-"` // for who shows them in another language
}

// WriteError answers a request with err as application/problem+json: the one place where an error meets a client that is
// no person. It touches no cookie: an outage never signs anybody out.
func WriteError(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	p := ToProblem(w.Header(), r, log, err)
	text, err := json.Marshal(p)
	if err != nil { // unreachable: it is made of texts and a number
		panic(err)
	}
	WriteBody(w, r, p.Status, "application/problem+json", text)
}

// ToProblem says what a client may know of err and sets the header fields that belong to it. Only what an
// [authcore.Error] says is shown. Every other error is logged once under an id, and the client gets that id.
func ToProblem(h http.Header, r *http.Request, log *slog.Logger, err error) Problem {
	code := authcore.CodeOf(err)
	p := Problem{Type: "about:blank", Status: Status(code), Code: code}
	var refusal *authcore.Error
	if errors.As(err, &refusal) && p.Status != http.StatusInternalServerError {
		p.Detail, p.Fields, p.Errors = refusal.Detail, refusal.Fields, texts(refusal.Fields)
		retryAfter(h, refusal.RetryAfter)
	}
	// Who has hung up or run out of time is no fault of a part of ours, and no line in the log.
	gone := r.Context().Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if p.Status == http.StatusInternalServerError && gone {
		p.Status, p.Code = http.StatusServiceUnavailable, authcore.Unavailable
	}
	switch p.Status {
	case http.StatusInternalServerError:
		p.Code = authcore.Internal
		id := uuid.NewString()
		p.Instance = "urn:uuid:" + id
		p.Detail = "Something went wrong on our side. If you report this, please include " + id + "."
		log.ErrorContext(r.Context(), "request failed", "error_id", id, "request_id", requestID(r), "method", r.Method, "error", err)
	case http.StatusServiceUnavailable:
		// A refusal without a cause was said on purpose and is not news. What is away tells of itself, once: a warning here
		// would be one for each request of an outage.
		if !gone && (refusal == nil || refusal.Unwrap() != nil) {
			log.DebugContext(r.Context(), "request refused: a store cannot answer", "request_id", requestID(r), "error", err)
		}
		if p.Detail == "" {
			p.Detail = "This cannot be answered right now. Try again in a moment. Nobody has been signed out."
		}
		if h.Get("Retry-After") == "" {
			retryAfter(h, unavailableRetry)
		}
	case http.StatusUnauthorized:
		challenge(h, p.Code)
	}
	if refusal != nil && (p.Code == authcore.ReauthenticationRequired || p.Code == authcore.MFARequired) {
		p.StepUpURL = refusal.StepUpURL
		insufficient(h, refusal)
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// ProblemOf returns the body of a refusal for who is no client of the API.
func ProblemOf(e *authcore.Error) Problem {
	status := Status(e.Code)
	return Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: e.Detail, Code: e.Code, Errors: texts(e.Fields), Fields: e.Fields}
}

// texts returns what is wrong with fields by their names; nil for nothing.
func texts(fields authcore.FieldErrors) map[string][]string {
	if len(fields) == 0 {
		return nil
	}
	all := make(map[string][]string, len(fields))
	for _, e := range fields {
		all[e.Field] = append(all[e.Field], e.Error())
	}
	return all
}

// challenge sets what RFC 9110 §15.5.2 asks of every 401. `error` is named only where a token was given, RFC 6750 §3.1.
func challenge(h http.Header, code authcore.Code) {
	if code == authcore.InvalidToken {
		h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return
	}
	h.Set("WWW-Authenticate", "Bearer")
}

// insufficient says what a sign-in lacks, as RFC 9470 §3 has it.
func insufficient(h http.Header, why *authcore.Error) {
	lacks := `Bearer error="insufficient_user_authentication"`
	if why.Code == authcore.MFARequired {
		lacks += `, acr_values="` + authcore.ACRMulti + `"`
	}
	if why.Code == authcore.ReauthenticationRequired || why.MaxAge > 0 {
		lacks += ", max_age=" + seconds(why.MaxAge)
	}
	h.Set("WWW-Authenticate", lacks)
}

// retryAfter rounds up: a client that waits as told must not come too early.
func retryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h.Set("Retry-After", wholeSeconds(d))
	}
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

func requestID(r *http.Request) string {
	in, _ := r.Context().Value(requestInfoKey{}).(RequestInfo)
	return in.RequestID
}

// WriteBody writes a whole answer. A HEAD gets the header fields of its GET (RFC 9110 §9.3.2).
func WriteBody(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has hung up cannot be told
	}
}

// SecureHeaders sets the headers that every answer of Gatehouse carries (B08, ASVS 3.4). The content security policy
// suits answers that are not documents; pages put their own in its place.
func SecureHeaders(h http.Header, https bool) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if https { // RFC 6797 §7.2: never over http
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
