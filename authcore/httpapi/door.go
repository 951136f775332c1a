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
	issuers  func() []string // nil: the request's
	audience []string
	stale    func() bool
}

// NewDoor returns the door that the API of cfg has.
func NewDoor(cfg Config) *Door {
	if cfg.Origins == nil {
		cfg.Origins = &Origins{}
	}
	if cfg.Stale == nil {
		cfg.Stale = func() bool { return false }
	}
	return &Door{verifier: cfg.Verifier, sessions: cfg.Sessions, origins: cfg.Origins, issuers: cfg.Issuers, audience: cfg.Audience,
		stale: cfg.Stale}
}

// Enter returns the principal of a request, renewing a browser's cookies where that is needed. Refusals:
// AuthenticationRequired, InvalidToken, CrossOrigin, InvalidRequest, and [ErrStale]. They are the guard's rules (package
// caddymodule), also in that a cookie of which memory knows that it is revoked is not renewed.
func (d *Door) Enter(w http.ResponseWriter, r *http.Request, in Incoming) (*authcore.Principal, error) {
	raw, mode, err := Credential(r, in.HTTPS)
	if err != nil {
		return nil, err
	}
	if mode == authcore.ModeBearer {
		if p, outcome := d.verify(raw, mode, in); outcome == edge.Admitted {
			return d.fresh(p)
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
		switch p, outcome := d.verify(raw, mode, in); {
		case outcome == edge.Admitted && CameTo(r, in.HTTPS, p.Host):
			return d.fresh(p)
		case outcome == edge.Revoked:
			ClearSessionCookies(w.Header(), in.HTTPS)
			return nil, errBadToken()
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

// fresh refuses who is admitted by a view of revocations that is too old.
func (d *Door) fresh(p *authcore.Principal) (*authcore.Principal, error) {
	if d.stale() {
		return nil, ErrStale
	}
	return p, nil
}

// verify is the verifier's outcome, with issuer and audience demanded (T11).
func (d *Door) verify(raw string, mode authcore.Mode, in Incoming) (*authcore.Principal, edge.Outcome) {
	p, outcome := d.verifier.Verify(raw, mode)
	if p == nil {
		return nil, outcome
	}
	issuers := []string{in.Client.Issuer}
	if d.issuers != nil {
		issuers = d.issuers()
	}
	audience := d.audience
	if len(audience) == 0 {
		audience = issuers
	}
	if !edge.Accepts(p, issuers, audience) {
		return nil, edge.Invalid
	}
	return p, outcome
}

// EndCookies ends every session that the cookies of a request hold a token of, everywhere if that is asked for, and clears
// both cookies. Tokens that are dead already are no error. The caller has checked where the request came from. When it
// fails the cookies stay.
func (d *Door) EndCookies(w http.ResponseWriter, r *http.Request, in Incoming, everywhere bool) error {
	end, endByRefresh := d.sessions.Ends(everywhere)
	if raw := ReadCookie(r, AccessCookie(in.HTTPS)); raw != "" {
		if p, _ := d.verify(raw, authcore.ModeCookie, in); p != nil {
			if err := end(r.Context(), p, in.Client); err != nil {
				return err
			}
		}
	}
	if token := ReadCookie(r, RefreshCookie(in.HTTPS)); token != "" {
		if err := endByRefresh(r.Context(), token, in.Client); err != nil {
			return err
		}
	}
	SignedOut(w.Header(), in.HTTPS)
	return nil
}

// ErrStale is told to a client whose session may have been ended without this node knowing.
var ErrStale = authcore.Refuse(authcore.Unavailable,
	"The gateway cannot tell at the moment whether your session still lives. Try again soon.")

func errBadToken() error {
	return authcore.Refuse(authcore.InvalidToken, "The access token is not valid any more; refresh it or sign in again.")
}
