package httpapi

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge"
	"github.com/gatehouse-auth/gatehouse/authcore/session"
)

// Door decides who makes an authenticated call. It is safe for concurrent use.
type Door struct {
	verifier *edge.Verifier
	sessions *session.Sessions
	origins  *Origins
	audience []string
}

// NewDoor returns the door that the API of cfg has.
func NewDoor(cfg Config) *Door {
	if cfg.Origins == nil {
		cfg.Origins = &Origins{}
	}
	return &Door{verifier: cfg.Verifier, sessions: cfg.Sessions, origins: cfg.Origins, audience: cfg.Audience}
}

// Enter returns the principal of a request, renewing a browser's cookies where that is needed. Refusals:
// AuthenticationRequired, InvalidToken, CrossOrigin, InvalidRequest.
func (d *Door) Enter(w http.ResponseWriter, r *http.Request, in Incoming) (*authcore.Principal, error) {
	raw, mode, err := Credential(r, in.HTTPS)
	if err != nil {
		return nil, err
	}
	if mode == authcore.ModeBearer {
		if p, outcome := d.verify(raw, mode, in); outcome == edge.Admitted {
			return p, nil
		}
		return nil, errBadToken()
	}
	if raw == "" && ReadCookie(r, RefreshCookie(in.HTTPS)) == "" {
		return nil, authcore.Refuse(authcore.AuthenticationRequired, "Sign in first.")
	}
	// Before anything is renewed: a foreign page must not even cause that.
	if NeedsOrigin(r) {
		if err := d.origins.Check(r, in.HTTPS); err != nil {
			return nil, err
		}
	}
	if raw != "" {
		if p, outcome := d.verify(raw, mode, in); outcome == edge.Admitted {
			return p, nil
		}
	}
	tokens, err := Renew(w, r, in, d.sessions)
	switch {
	case err == nil:
		return &tokens.Principal, nil
	case isDeadRefresh(err) || authcore.CodeOf(err) == authcore.AuthenticationRequired:
		return nil, errBadToken()
	}
	return nil, err
}

// verify is the verifier's outcome, with issuer and audience of this request demanded (T11).
func (d *Door) verify(raw string, mode authcore.Mode, in Incoming) (*authcore.Principal, edge.Outcome) {
	p, outcome := d.verifier.Verify(raw, mode)
	if p == nil {
		return nil, outcome
	}
	issuers := []string{in.Client.Issuer}
	audience := d.audience
	if len(audience) == 0 {
		audience = issuers
	}
	if !edge.Accepts(p, issuers, audience) {
		return nil, edge.Invalid
	}
	return p, outcome
}

// EndCookies ends every session that the cookies of a request hold a token of, and clears both cookies. Tokens that are
// dead already are no error. The caller has checked where the request came from. When it fails the cookies stay.
func (d *Door) EndCookies(w http.ResponseWriter, r *http.Request, in Incoming) error {
	if raw := ReadCookie(r, AccessCookie(in.HTTPS)); raw != "" {
		if p, _ := d.verify(raw, authcore.ModeCookie, in); p != nil {
			if err := d.sessions.End(r.Context(), p, in.Client); err != nil {
				return err
			}
		}
	}
	if token := ReadCookie(r, RefreshCookie(in.HTTPS)); token != "" {
		if err := d.sessions.EndByRefresh(r.Context(), token, in.Client); err != nil {
			return err
		}
	}
	SignedOut(w.Header(), in.HTTPS)
	return nil
}

func errBadToken() error {
	return authcore.Refuse(authcore.InvalidToken, "The access token is not valid any more; refresh it or sign in again.")
}
