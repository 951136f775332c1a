package signup_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// An address whose account is disabled, or was verified meanwhile, is not to be had by a link or code from before. Nor does the
// answer depend on what is shown beside it: passwords are tried here without the lock that a sign-in has.
func TestVerify_OnlyAnAddressThatAwaitsProof(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*authcore.Account){
		"disabled": func(a *authcore.Account) { a.DisabledAt = a.CreatedAt },
		"verified": func(a *authcore.Account) { a.EmailVerifiedAt = a.CreatedAt },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := testflow.New(t, testflow.Options{})
			proof := e.Register(t, signup.RegisterInput{Email: bob}).Proof
			mail := e.Mail(t, bob, authcore.MailVerify)
			hash, err := password.Hash(t.Context(), e.Hasher, testflow.OtherPassword, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			a := authcore.Account{ID: uuid.New(), Email: bob, PasswordHash: hash, CreatedAt: e.Clock.Now(), UpdatedAt: e.Clock.Now()}
			change(&a)
			ids := []authcore.Identifier{{Kind: authcore.KindEmail, Value: bob}}
			if err := e.Store.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
				t.Fatal(err)
			}
			before, err := e.Store.AccountByID(t.Context(), a.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, in := range []signup.VerifyInput{
				{}, {Proof: proof}, {Proof: "guess"}, {Password: testflow.Password}, {Password: testflow.OtherPassword},
				{Password: "wrong-password-of-mine"}, {NewPassword: "another-Mirror-17-violet"},
			} {
				byCode, byLink := in, in
				byCode.Email, byCode.OTP = bob, mail.Code
				byLink.Token = testflow.Token(t, mail)
				for _, in := range []signup.VerifyInput{byCode, byLink} {
					testflow.WantCode(t, verify(t, e, in), authcore.InvalidCode)
				}
			}
			got, err := e.Store.AccountByID(t.Context(), a.ID)
			if diff := cmp.Diff(before, got); diff != "" || err != nil {
				t.Errorf("changed (-want +got), %v:\n%s", err, diff)
			}
		})
	}
}
