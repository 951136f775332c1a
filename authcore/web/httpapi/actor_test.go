package httpapi_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// elsewhere changes the database as another node does: this one's memory does not learn of it.
func (h *house) elsewhere(statement string, args ...any) {
	h.Helper()
	check(h, h.Store.Write(h.Context(), "as another node", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, statement, args...)
		return err
	}))
}

// A thief's token that another node has ended is good here until word of it comes, which takes up to a second. It changes nothing
// meanwhile, however fresh the sign-in.
func TestS08_ThiefOnTheOtherNode(t *testing.T) {
	for name, end := range map[string]string{
		"the session was ended":  "update sessions set revoked_at = 1 where account_id = $1",
		"the owner took it back": "update users set epoch = epoch + 1 where id = $1",
		"the account is leaving": "update users set disabled_at = 1 where id = $1",
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, plan{numbers: identifier.Numbers{Texts: true}})
			a := h.account(email, username)
			token := bearer(h.signIn(email).AccessToken)
			device := h.devices(token)[0].ID
			h.post("/me/email", `{"email":"thief@example.com"}`, token).want(202)
			code := h.Mail(t, "thief@example.com", authcore.MailConfirmEmail).Code
			h.elsewhere(end, a.ID)
			before := h.row(a)
			for _, c := range []struct{ method, path, body string }{
				{"POST", "/me/email", `{"email":"thief2@example.com"}`},
				{"POST", "/me/email", `{"email":"thief2@example.com","password":"` + password + `"}`},
				{"POST", "/me/email/confirm", `{"otp":"` + code + `"}`},
				{"DELETE", "/me/email", ""},
				{"POST", "/me/phone", `{"phone":"+436641234567"}`},
				{"DELETE", "/me/phone", ""},
				{"POST", "/me/password", `{"current_password":"` + password + `","new_password":"` + password2 + `"}`},
				{"PATCH", "/me", `{"username":"thief"}`},
				{"PATCH", "/me", `{"first_name":"Thief"}`},
				{"PUT", "/me", `{"first_name":"Thief"}`},
				{"DELETE", "/me", ""},
				{"DELETE", "/me", `{"password":"` + password + `"}`},
				{"POST", "/sessions/revoke", `{"all":true}`},
				{"POST", "/devices/revoke", `{"all":true}`},
				{"DELETE", "/devices/" + device, ""},
				{"PATCH", "/devices/" + device, `{"name":"thief"}`},
				{"POST", "/me/export", ""},
			} {
				h.call(c.method, c.path, c.body, token).refused(http.StatusUnauthorized, authcore.InvalidToken)
			}
			if after := h.row(a); after != before {
				t.Errorf("the account was\n%s\nand is\n%s", before, after)
			}
		})
	}
}

// row returns what is kept of the account.
func (h *house) row(a authcore.Account) (text string) {
	h.Helper()
	check(h, h.Store.Read(h.Context(), "read row", func(ctx context.Context, q sqldb.Querier) (err error) {
		text, err = sqldb.One(ctx, q, sqldb.ScanText, `select email || ' ' || username || ' ' || phone || ' ' || first_name || ' ' || password_hash || ' ' ||
			pending_email || ' ' || pending_phone || ' ' || epoch || ' ' || updated_at from users where id = $1`, a.ID)
		return err
	}))
	return text
}
