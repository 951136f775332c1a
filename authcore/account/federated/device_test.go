package federated_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// An app that shows at the start by what it is known is known when it has completed the sign-in: it sends that once.
func TestComplete_KnownDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	res, err := w.arrive(t, "acme")
	first := signedIn(t, res, err)
	known := res.Outcome.Tokens
	w.as(ada, false)
	r := testflow.Request()
	r.DeviceToken = known.DeviceToken
	res, err = w.Federated.Token(t.Context(), federated.TokenInput{Provider: "other", Native: idp.Native{IDToken: w.other.IDToken("n"), Nonce: "n"}, Request: r})
	token := waits(t, res, err, federated.MissingCode).Token
	res, err = w.complete(t, federated.CompleteInput{Token: token, OTP: w.code(t, ada)})
	waits(t, res, err, federated.MissingConnect)
	res, err = w.complete(t, federated.CompleteInput{Token: token, Connect: true})
	if again := signedIn(t, res, err); again.ID != first.ID || res.Outcome.Tokens.Session.DeviceID != known.Session.DeviceID {
		t.Errorf("device %s, want %s", res.Outcome.Tokens.Session.DeviceID, known.Session.DeviceID)
	}
}
