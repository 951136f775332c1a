package secondstep

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// Enrolment adds the first factor of an account in the midst of a sign-in that asks for one. It comes last, after the code to the account's
// own address or number and after the password: whoever has one of them alone adds nothing (contract §8.3). It is safe for concurrent use.
type Enrolment struct{ flow *Flow }

// NewEnrolment returns what adds factors in the midst of the flow's sign-ins.
func NewEnrolment(f *Flow) Enrolment { return Enrolment{f} }

// EnrolInput says which factor is to be added.
type EnrolInput struct {
	Token string
	Type  authcore.FactorType // one of [Pending.Enrol]
	Name  string
	Email string // of email; "" is the account's verified address
	Phone string // of sms; "" is the account's verified number
	// Request is how the client asks: Mode and Client count.
	Request session.Request
}

// Begin adds a factor that [Flow.Proceed] confirms, by its id or its type, and ends the sign-in by. Another takes its place. It counts for
// nothing before, and is of this sign-in alone: what is added elsewhere is not confirmed by it.
//
// Refusals: [authcore.InvalidMFAToken]; [authcore.Forbidden] for a type that is none of Enrol; those of [factor.Factors.Add].
func (e Enrolment) Begin(ctx context.Context, in EnrolInput) (factor.Added, error) {
	s, err := e.flow.load(ctx, in.Token, in.Request)
	if err != nil {
		return factor.Added{}, err
	}
	if !slices.Contains(s.next.enrol, in.Type) {
		return factor.Added{}, errNotOffered()
	}
	added, err := e.flow.cfg.Factors.Add(ctx, factor.AddInput{
		AccountID: s.account.ID, Type: in.Type, Name: in.Name, Email: in.Email, Phone: in.Phone,
		SignIn: factor.SignIn{AMR: s.pending.AMR, At: e.flow.now()}, Client: in.Request.Client,
	})
	if err != nil {
		return factor.Added{}, err
	}
	switch err := e.flow.cfg.Store.BeginEnrolment(ctx, s.pending.ID, added.Factor.ID, e.flow.now()); {
	case errors.Is(err, authcore.ErrNotFound): // it has ended meanwhile
		return factor.Added{}, errInvalidToken()
	case err != nil:
		return factor.Added{}, fmt.Errorf("begin enrolment: %w", err)
	}
	return added, nil
}

// Show returns what its owner needs to confirm the factor that the sign-in adds; nil where none waits. Options of WebAuthn are new: those
// before are dead. [authcore.InvalidMFAToken].
func (e Enrolment) Show(ctx context.Context, token string, r session.Request) (*factor.Added, error) {
	s, err := e.flow.load(ctx, token, r)
	if err != nil || s.pending.Enrolment == uuid.Nil || len(s.next.enrol) == 0 {
		return nil, err
	}
	added, err := e.flow.cfg.Factors.Show(ctx, s.account.ID, s.pending.Enrolment, r.Client)
	switch {
	case authcore.CodeOf(err) == authcore.NotFound: // it has lapsed
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &added, nil
}

// means reports whether a proof is of the factor that the sign-in adds.
func (e Enrolment) means(s started, in Input) bool {
	switch {
	case s.pending.Enrolment == uuid.Nil || len(s.next.enrol) == 0:
		return false
	case in.FactorID != uuid.Nil:
		return in.FactorID == s.pending.Enrolment
	}
	return in.Method == "" || slices.Contains(s.next.enrol, authcore.FactorType(in.Method))
}

// confirm confirms the factor, switches second factors on, and goes on with what the sign-in has by it. Of several callers with one proof
// exactly one gets there: a factor is confirmed once.
func (e Enrolment) confirm(ctx context.Context, s started, in Input) (Outcome, error) {
	if in.Code == "" && len(in.Credential) == 0 {
		return Outcome{}, authcore.RefuseField("code", authcore.CodeRequired)
	}
	var done factor.Confirmed
	err := step{e.flow}.attempt(ctx, s, func() (err error) {
		// First: between the look at the account's factors and this its owner may have added one, which would have to be given.
		done, err = e.flow.cfg.Factors.Confirm(ctx, factor.ConfirmInput{
			AccountID: s.account.ID, FactorID: s.pending.Enrolment, Code: in.Code, Credential: in.Credential, Enable: true, First: true, Client: in.Request.Client,
		})
		return err
	})
	switch {
	case authcore.CodeOf(err) == authcore.NotFound:
		return Outcome{}, authcore.Refuse(authcore.InvalidCode, "What you added was not confirmed in time. Begin again.")
	case err != nil:
		return Outcome{}, err
	}
	s.factors = append(slices.Clone(s.factors), done.Factor)
	s.account.MFAEnabledAt = done.EnabledAt
	out, err := step{e.flow}.advance(ctx, s, factor.Worth(done.Factor), in)
	out.Codes = done.Codes
	return out, err
}

func errNotOffered() error {
	return authcore.Refuse(authcore.Forbidden, "Nothing of this type can be added in this sign-in. Its answer says what can, and what is asked for first.")
}
