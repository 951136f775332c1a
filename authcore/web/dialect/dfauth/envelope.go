package dfauth

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// The texts of the package.
const (
	wrongOTP       = "Wrong or expired one-time password"
	badCredentials = "Incorrect authentication credentials."
	badToken       = "Given token not valid for any token type"
	noBackend      = "Authorization backend not found"
)

const codeInvalid = "invalid"

// told is a failure in the dialect's envelope.
type told struct{ *drf.Failure }

func (t told) Unwrap() error { return t.Failure }

// one is an error of one kind; field is "" where it is of none.
func one(message, code, field string) drf.Object {
	e := drf.Object{{Name: "message", Value: message}, {Name: "code", Value: code}}
	if field != "" {
		e = append(e, drf.Member{Name: "field", Value: field})
	}
	return e
}

func envelope(status int, all ...drf.Object) *drf.Failure {
	return &drf.Failure{Answer: drf.Answer{Status: status, Body: drf.Object{{Name: "errors", Value: all}}}}
}

// refuse is an answer with one error.
func refuse(status int, message, code, field string) error {
	return told{envelope(status, one(message, code, field))}
}

func unauthorized(message, code string) error {
	return refuse(http.StatusUnauthorized, message, code, "")
}

func invalid(field, message string) error {
	return refuse(http.StatusBadRequest, message, codeInvalid, field)
}

// renamed says what fields of flows are called here.
var renamed = map[string]string{"login": "username", "phone": "phone_number", "current_password": "old_password", "code": "otp"}

// failure says an error in the envelope {"errors":[{"message","code","field"}]}, with the status that DRF has for it.
func failure(x *dialect.Call, err error) *drf.Failure {
	var done told
	if errors.As(err, &done) {
		return done.Failure
	}
	if f := refusal(err); f != nil {
		return f
	}
	f := drf.FromError(x.R, x.Flows.Logger, err, renamed)
	return &drf.Failure{Answer: drf.Answer{Status: f.Status, Body: drf.Object{{Name: "errors", Value: errorsOf(f)}}}, Wait: f.Wait}
}

// refusal is what the package has a code of its own for; nil for any other error.
func refusal(err error) *drf.Failure {
	switch code := authcore.CodeOf(err); code {
	case authcore.InvalidCode:
		return envelope(http.StatusBadRequest, one(wrongOTP, "wrong_otp", ""))
	case authcore.InvalidCredentials, authcore.AccountNotVerified, authcore.RegistrationProofRequired, authcore.PasswordResetRequired,
		authcore.InvalidProviderAnswer, authcore.ProviderDenied:
		return envelope(http.StatusUnauthorized, one(badCredentials, "authentication_failed", ""))
	case authcore.InvalidToken, authcore.InvalidRefreshToken, authcore.RefreshTokenReused:
		return envelope(http.StatusUnauthorized, one(badToken, "token_not_valid", ""))
	case authcore.ReauthenticationRequired, authcore.MFARequired:
		var e *authcore.Error
		errors.As(err, &e)
		return envelope(http.StatusForbidden, one(e.Detail, "reauthentication_required", ""))
	case authcore.LastFactor, authcore.LastWayIn, authcore.NoFactor, authcore.MFAEnforced, authcore.ShortPassword, authcore.LimitReached:
		var e *authcore.Error
		errors.As(err, &e)
		return envelope(http.StatusBadRequest, one(e.Detail, codeInvalid, ""))
	}
	return nil
}

// errorsOf are the errors of a failure of DRF, in their order.
func errorsOf(f *drf.Failure) (all []drf.Object) {
	switch body := f.Body.(type) {
	case []string:
		for _, text := range body {
			all = append(all, one(text, codeInvalid, ""))
		}
	case drf.Object:
		code, detail := "", ""
		for _, m := range body {
			switch text := m.Value.(type) {
			case string:
				if m.Name == "code" {
					code = text
				} else if m.Name == "detail" {
					detail = text
				}
			case []string:
				field := m.Name
				if field == "non_field_errors" {
					field = ""
				}
				for _, t := range text {
					all = append(all, one(t, ofField(t), field))
				}
			}
		}
		if detail != "" {
			if code == "" {
				code = ofStatus(f.Status, detail)
			}
			all = append(all, one(detail, code, ""))
		}
	}
	return all
}

// ofField is DRF's code of what is wrong with a field.
func ofField(text string) string {
	for code, texts := range map[string][]string{
		"required": {"This field is required."}, "blank": {"This field may not be blank."}, "null": {"This field may not be null."},
	} {
		if slices.Contains(texts, text) {
			return code
		}
	}
	return codeInvalid
}

// ofStatus is DRF's code of an exception.
func ofStatus(status int, detail string) string {
	switch status {
	case http.StatusBadRequest:
		return "parse_error"
	case http.StatusUnauthorized:
		if detail == "Authentication credentials were not provided." {
			return "not_authenticated"
		}
		return "authentication_failed"
	case http.StatusForbidden:
		return "permission_denied"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusMethodNotAllowed:
		return "method_not_allowed"
	case http.StatusUnsupportedMediaType:
		return "unsupported_media_type"
	case http.StatusTooManyRequests:
		return "throttled"
	}
	return "error"
}
