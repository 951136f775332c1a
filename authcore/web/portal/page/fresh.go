package page

import (
	"errors"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
)

// The names of the fields that a form of a Fresh page has where the sign-in is not recent enough, or by one kind of proof alone. A page
// may have a field otp of its own.
const (
	proofField = "password"
	otpField   = "proof_otp"
)

// proof says what a form that was refused needs besides what was typed.
type proof int

const (
	noProof     proof = iota
	askPassword       // a field for the password
	askBoth           // and one for a code
	stepUp            // nothing helps in the form: the account has no password, or the session was closed to it
	elsewhere         // the page has another form for it
)

// AskElsewhere says that the page has a form of its own by which people prove themselves, in place of fields in the one that was refused.
func AskElsewhere(q *Request) { q.proof = elsewhere }

// CheckFresh refuses a form whose sender is not the account's owner at this moment, and lets it ask for what is missing. Fresh routes ask it
// of every form; a page whose form needs it only sometimes calls it.
func CheckFresh(q *Request) error {
	ctx, typed := q.R.Context(), fresh.Proof{Password: q.Form.Get(proofField), OTP: q.Form.Get(otpField)}
	switch { // it is asked for again, whatever else is refused
	case q.Form.Has(otpField):
		q.proof = askBoth
	case q.Form.Has(proofField):
		q.proof = askPassword
	}
	err := q.Fresh.Check(ctx, q.User, typed, q.Info.Client)
	switch authcore.CodeOf(err) {
	case authcore.InvalidCredentials:
		return AtField(err, proofField, authcore.CurrentPasswordWrong)
	case authcore.ReauthenticationRequired, authcore.MFARequired:
		can, failed := q.Fresh.Inline(ctx, q.User)
		if failed != nil {
			return failed
		}
		closed := authcore.CodeOf(err) == authcore.ReauthenticationRequired && typed.Password != ""
		switch {
		case closed, !can.Password:
			q.proof = stepUp
		case can.OTP:
			q.proof = askBoth
		default:
			q.proof = askPassword
		}
	}
	return err
}

// NotFresh returns the refusal of a sign-in that is not recent enough, for pages that ask for one only sometimes; nil for one that is.
func NotFresh(q *Request) error {
	return q.Fresh.Check(q.R.Context(), q.User, fresh.Proof{}, q.Info.Client)
}

// AtField returns a refusal that says at which field it was.
func AtField(err error, field string, rule authcore.Rule) error {
	var refusal *authcore.Error
	if !errors.As(err, &refusal) {
		return err
	}
	at := *refusal
	at.Fields.Add(field, rule)
	return &at
}

// RenameField returns a refusal with what it says of one field said of another, for pages whose fields have other names.
func RenameField(err error, from, to string) error {
	var refusal *authcore.Error
	if !errors.As(err, &refusal) {
		return err
	}
	at := *refusal
	at.Fields = slices.Clone(at.Fields)
	for i := range at.Fields {
		if at.Fields[i].Field == from {
			at.Fields[i].Field = to
		}
	}
	return &at
}

// askProof asks, in the form that was sent, for what CheckFresh found missing.
func (v *View) askProof(q *Request) {
	switch q.proof {
	case askPassword, askBoth:
		for i := range v.Forms {
			if f := &v.Forms[i]; f.sent(q) {
				field := PasswordField(q, proofField)
				field.ID = f.ID + "-" + proofField
				field.Focus = true
				f.Fields = append(f.Fields, field)
				if q.proof == askBoth {
					code := ProofCodeField(q)
					code.Name, code.ID = otpField, f.ID+"-"+otpField
					f.Fields = append(f.Fields, code)
				}
			}
		}
	}
	switch q.proof { // in another tab: what was typed stays here, and a page of ours is no place to be led back to
	case askBoth: // who has neither app nor recovery codes at hand
		v.Apart = &Link{To: q.Path("/reauthenticate"), Text: q.T("fresh.otherwise")}
	case stepUp:
		v.Apart = &Link{To: q.Path("/reauthenticate"), Text: q.T("refused.step_up.link")}
	}
}

// sent reports whether this is the form that the request sent.
func (f Form) sent(q *Request) bool {
	if f.Action != q.Path(q.route.Path) && f.Action != "" {
		return false
	}
	for _, h := range f.Hidden {
		if q.Form.Get(h.Name) != h.Value {
			return false
		}
	}
	return true
}
