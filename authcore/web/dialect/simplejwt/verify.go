package simplejwt

import (
	"errors"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// verify tells whether a token of either kind is good. An access token is judged from memory, as a guard judges it; what is known of
// refresh tokens is in the database, for they outlive what is kept in memory of ended sessions (S07).
func (a api) verify(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	raw := body["token"]
	good := drf.Answer{Status: 200, Body: drf.Object{}}
	if _, err := x.Flows.Auth.AuthenticateDialect(raw, x.Settings.Keys.Has); authcore.CodeOf(err) != authcore.InvalidToken {
		return good, err
	}
	t, err := open(x, raw, "")
	if err != nil {
		return good, err
	}
	p, err := x.PresentedJWT(raw, t)
	if err != nil {
		return good, err
	}
	sess, _, err := x.Flows.Dialects.Look(x.Context(), p.Session)
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return good, invalid(blacklisted)
	case err != nil:
		return good, err
	case t.Use == jwtkeys.ForeignAccess: // the account has other roles since: a refresh yields one that is good
		return good, invalid("Token is invalid")
	case !x.Dialect.Form.Stays && !sess.RefreshDigest.Equal(p.Digest):
		return good, drf.NonField(blacklisted)
	}
	return good, nil
}
