package honeytrap

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// DefaultField is the name of the hidden field where the operator names none: programs take it for one to fill in, and no browser knows it
// (WHATWG HTML §4.10.18.7.1 calls the address of somebody's page url).
const DefaultField = "website"

// Trap tells which requests count, and has them spring. A nil *Trap is no trap. It is safe for concurrent use.
type Trap struct {
	flow  *block.Trap
	auth  *httpauth.Authenticator
	field string
}

// New returns a Trap whose hidden field has a name, for which [CheckField] has no objection. A nil flow makes a nil Trap.
func New(flow *block.Trap, auth *httpauth.Authenticator, field string) *Trap {
	if flow == nil {
		return nil
	}
	return &Trap{flow, auth, field}
}

// Field returns the name of the hidden field; "" where there is no trap.
func (t *Trap) Field() string {
	if t == nil {
		return ""
	}
	return t.field
}

// FieldFilled is for a sign-up in whose hidden field something was filled in. It is called before the answer, which may get new cookies of
// somebody signed in. What it returns has the trap spring, and is called once it is known what the sign-up is answered: it must not be refused
// by the rule that it causes itself. in is of the request.
func (t *Trap) FieldFilled(w http.ResponseWriter, r *http.Request, in httpauth.RequestInfo) (spring func()) {
	if !t.counts(w, r, in) {
		return func() {}
	}
	return func() { t.flow.Spring(r.Context(), in.Client, "filled in the hidden field "+t.field) }
}

// BaitTaken is for a request for a bait, and comes before the answer. in is of the request.
func (t *Trap) BaitTaken(w http.ResponseWriter, r *http.Request, in httpauth.RequestInfo, b Bait) {
	if t.counts(w, r, in) {
		t.flow.Spring(r.Context(), in.Client, "asked for "+b.text)
	}
}

// counts leaves alone whom it would be wrong to keep out: the address of a proxy, which many people share; whoever was made to send the
// request by the page of another site (a picture at a bait's address would have every visitor of that page kept out); and who is signed in.
func (t *Trap) counts(w http.ResponseWriter, r *http.Request, in httpauth.RequestInfo) bool {
	return t != nil && r.Header.Get("Sec-Fetch-Site") != "cross-site" && (in.IsProxy == nil || !in.IsProxy(in.Client.Addr)) && !t.signedIn(w, r, in)
}

// signedIn reports whether somebody is, or may be where that cannot be told just now. Credentials that nobody could be signed in by are none.
func (t *Trap) signedIn(w http.ResponseWriter, r *http.Request, in httpauth.RequestInfo) bool {
	_, err := t.auth.Authenticate(w, r, in)
	return err == nil || !authcore.IsAnonymous(err) && authcore.CodeOf(err) != authcore.InvalidRequest
}

var fieldName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// taken are fields and members that some form or call has, by which somebody signs up.
var taken = []string{"email", "password", "new_password", "username", "first_name", "last_name", "name", "phone", "login", "invitation", "locale", "fields", "cookies", "otp", "token",
	"binding", "rd", "forget", "remember", "registration", "device_name", "device_token", "connect", "social_token", "id_token", "nonce", "code", "code_verifier",
	"redirect_uri", "access_token", "credential", "from", "options"}

// CheckField says what is wrong with the name of the hidden field.
func CheckField(name string) error {
	switch {
	case !fieldName.MatchString(name):
		return fmt.Errorf("%q is no name of a field; it has 1 to 32 of a-z 0-9 _ -, and begins with a letter", name)
	case slices.Contains(taken, name):
		return fmt.Errorf("%q is a field that people fill in", name)
	}
	return nil
}
