package dfauth

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// providers are what the clients call them, and what they are called here.
var providers = map[string]string{"google-oauth2": "google", "facebook": "facebook", "apple": "apple", "apple-id": "apple"}

// native is what an app got from a provider: an id_token, or an access token.
func native(token string) idp.Native {
	if strings.Count(token, ".") == 2 && strings.HasPrefix(token, "eyJ") { // a JWT (RFC 7519)
		return idp.Native{IDToken: token, NoNonce: true}
	}
	return idp.Native{AccessToken: token}
}

func provider(body drf.Values) (string, error) {
	name, ok := providers[body["provider"]]
	if !ok {
		return "", noProvider(body)
	}
	return name, nil
}

func noProvider(body drf.Values) error {
	return invalid("provider", `"`+body["provider"]+`" is not a valid choice.`)
}

// social signs in by a provider's token. It is for who shows none of ours.
func (d *api) social(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	if x.Who != nil {
		return drf.Answer{}, drf.PermissionDenied()
	}
	name, err := provider(body)
	if err != nil {
		return drf.Answer{}, err
	}
	got, err := x.Flows.Federated.Token(x.Context(), federated.TokenInput{Provider: name, Native: native(body["access_token"]), FirstName: body["first_name"],
		LastName: body["last_name"], Request: request(x, body["otp"])})
	switch code := authcore.CodeOf(err); {
	case code == authcore.NotFound:
		err = noProvider(body)
	case code == authcore.InvalidRequest, code == authcore.SignupClosed, code == authcore.InvitationRequired:
		err = unauthorized(badCredentials, "authentication_failed")
	}
	if err != nil {
		return drf.Answer{}, err
	}
	if got.Outcome == nil { // these clients can add nothing to it
		return drf.Answer{}, unauthorized("This sign-in lacks something. Sign in at this site once, and connect the provider there.", "authentication_failed")
	}
	answer, err := signedIn(x, *got.Outcome)
	return withProvider(answer, body), err
}

func withProvider(a drf.Answer, body drf.Values) drf.Answer {
	if o, ok := a.Body.(drf.Object); ok {
		a.Body = append(o, drf.Member{Name: "provider", Value: body["provider"]})
	}
	return a
}

// connect connects the account of who asks with theirs at a provider. It answers with another token of the same session.
func (d *api) connect(x *dialect.Call, body drf.Values) (drf.Answer, error) {
	name, err := provider(body)
	if err != nil {
		return drf.Answer{}, err
	}
	if err := d.checkFresh(x, body, false); err != nil {
		return drf.Answer{}, err
	}
	_, err = x.Flows.Federated.ConnectNative(x.Context(), x.Who.AccountID, name, native(body["access_token"]), x.Info.Client)
	switch authcore.CodeOf(err) {
	case authcore.NotFound:
		err = noProvider(body)
	case authcore.InvalidRequest:
		err = unauthorized(badCredentials, "authentication_failed")
	}
	if err != nil {
		return drf.Answer{}, err
	}
	raw, _, err := x.Token()
	if err != nil {
		return drf.Answer{}, err
	}
	return withProvider(drf.Answer{Status: http.StatusOK, Body: drf.Object{{Name: "token", Value: raw}}}, body), nil
}
