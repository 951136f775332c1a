package portal

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// points say who an account is.
func (p *userPage) points(q *page.Request, a authcore.ManagedAccount) (all []page.Point) {
	add := func(title, text string) {
		if text != "" {
			all = append(all, page.Point{Title: title, Text: text})
		}
	}
	proven := func(value string, verified bool) string {
		if value != "" && !verified {
			return value + " · " + q.T("console.user.unverified")
		}
		return value
	}
	add(q.T("console.user.number"), strconv.FormatInt(a.Number, 10))
	add(q.T("console.user.id"), a.ID.String())
	add(q.T("console.user.kind"), q.T("console.user.kind."+string(a.Kind)))
	add(q.T("console.user.name"), a.Name())
	add(q.T("field.email"), proven(a.Email, a.EmailVerified()))
	add(q.T("field.username"), a.Username)
	add(q.T("field.phone"), proven(a.Phone, a.PhoneVerified()))
	for _, f := range p.fields {
		if a.Fields[f.Name] != nil {
			add(fieldLabel(f.Name), f.Format(a.Fields[f.Name]))
		}
	}
	roles := strings.Join(p.at.Admins.Roles(a.Account), " ")
	if p.at.Admins.Has(a.Account) {
		roles += " · " + q.T("console.user.roles.configured")
	}
	add(q.T("console.user.roles"), roles)
	state := q.T("console.user.active")
	if a.Disabled() {
		state = q.T("console.user.disabled.since", "At", minute(a.DisabledAt))
	}
	add(q.T("console.user.state"), state)
	add(q.T("field.disabled_reason"), a.DisabledReason)
	if !a.LockedUntil.IsZero() {
		add(q.T("console.user.locked.until"), minute(a.LockedUntil))
	}
	if a.MFAEnabled() {
		add(q.T("twofactor.title"), q.T("console.user.mfa"))
	}
	if !a.LastSignInAt.IsZero() {
		add(q.T("console.user.seen"), minute(a.LastSignInAt))
	}
	add(q.T("console.user.made"), minute(a.CreatedAt))
	return all
}

// The words by which a form says what it does.
const (
	giveRole    = "give_role"
	takeRole    = "take_role"
	sendReset   = "reset"
	sendProof   = "verification"
	unlock      = "unlock"
	endSessions = "sessions"
	disable     = "disable"
	enable      = "enable"
	deleteUser  = "delete"
)

// forms are what can be done to an account as it is. Nobody's own roles and state are changed here.
func (p *userPage) forms(q *page.Request, a authcore.ManagedAccount) (all []page.Form) {
	add := func(do, title, text, button string, danger bool, fields ...page.Field) {
		f := dangerForm("do-"+do, title, text, button, page.Hidden{Name: "do", Value: do})
		f.Danger, f.Fields = danger, fields
		all = append(all, f)
	}
	own := a.ID == q.User.AccountID
	if !own {
		role := page.TextField(q, "role", "off", "", 64)
		role.Optional, role.Hint = "", q.T("console.user.give.hint")
		add(giveRole, q.T("console.user.give"), q.T("console.user.give.text"), q.T("console.user.give"), false, role)
		if len(a.Roles) > 0 {
			taken := page.Field{ID: "taken", Name: "taken", Label: q.T("console.user.role"), Value: q.Value("taken", a.Roles[0])}
			for _, r := range a.Roles {
				taken.Choices = append(taken.Choices, page.Choice{Value: r, Text: r})
			}
			add(takeRole, q.T("console.user.take"), q.T("console.user.take.text"), q.T("console.user.take"), true, taken)
		}
	}
	if !a.Disabled() && (a.Email != "" || a.PhoneVerified()) {
		add(sendReset, q.T("console.user.reset"), q.T("console.user.reset.text"), q.T("console.user.reset.button"), false)
	}
	if a.AwaitsVerification() {
		add(sendProof, q.T("console.user.verify"), q.T("console.user.verify.text"), q.T("console.user.verify.button"), false)
	}
	if !a.LockedUntil.IsZero() {
		add(unlock, q.T("console.user.unlock"), q.T("console.user.unlock.text"), q.T("console.user.unlock.button"), false)
	}
	if a.Sessions > 0 {
		add(endSessions, q.T("console.user.end"), q.T("console.user.end.text"), q.T("console.user.end"), true)
	}
	if own {
		return all
	}
	if a.Disabled() {
		add(enable, q.T("console.user.enable"), q.T("console.user.enable.text"), q.T("console.user.enable"), false)
	} else {
		reason := page.TextField(q, "disabled_reason", "off", "", 200)
		reason.Hint = q.T("console.user.disable.hint")
		add(disable, q.T("console.user.disable"), q.T("console.user.disable.text"), q.T("console.user.disable"), true, reason)
	}
	add(deleteUser, q.T("console.user.delete"), q.T("console.user.delete.text"), q.T("console.user.delete"), true)
	return all
}

// submit does what a form says.
func (p *userPage) submit(q *page.Request) error {
	do := q.Form.Get("do")
	if !slices.Contains([]string{sendProof, unlock, endSessions}, do) { // as in the API
		if err := page.CheckFresh(q); err != nil {
			return err
		}
	}
	act := map[string]func(*page.Request) error{
		giveRole: p.changeRoles, takeRole: p.changeRoles, sendReset: p.reset, sendProof: p.verify, unlock: p.unlock, endSessions: p.endAll,
		disable: p.disable, enable: p.enable, deleteUser: p.delete,
	}[do]
	if act == nil {
		return authcore.Refuse(authcore.InvalidRequest, "The form does not say what to do.")
	}
	return act(q)
}

func (p *userPage) reset(q *page.Request) error {
	err := p.change(q, authcore.EventAdminUsersReset, func(ctx context.Context, a authcore.ManagedAccount) error {
		return p.passwords.Resets().Send(ctx, a.Account, quiet(q))
	})
	if err != nil {
		return err
	}
	return q.Done(userAt(q), "user_reset")
}

func (p *userPage) verify(q *page.Request) error {
	err := p.change(q, authcore.EventAdminUsersVerify, func(ctx context.Context, a authcore.ManagedAccount) error {
		if !a.AwaitsVerification() {
			return authcore.Refuse(authcore.Conflict, "The account has no address that waits to be verified.")
		}
		return p.signUp.Resend(ctx, signup.ResendInput{Email: a.Email, Client: quiet(q)})
	})
	if err != nil {
		return err
	}
	return q.Done(userAt(q), "user_verification")
}

func (p *userPage) unlock(q *page.Request) error {
	err := p.change(q, authcore.EventAdminUsersUnlock, func(ctx context.Context, a authcore.ManagedAccount) error {
		return p.at.Unlocker.Unlock(ctx, a.ID)
	})
	if err != nil {
		return err
	}
	return q.Done(userAt(q), "user_unlocked")
}

func (p *userPage) endAll(q *page.Request) error {
	if err := p.end(q, nil, true); err != nil {
		return err
	}
	return q.Done(userAt(q), "user_sessions_ended")
}

func (p *userPage) changeRoles(q *page.Request) error {
	kind, edit := authcore.EventAdminUsersAddRole, admin.Edit{AddRoles: []string{strings.TrimSpace(q.Form.Get("role"))}}
	if q.Form.Get("do") == takeRole {
		kind, edit = authcore.EventAdminUsersRemoveRole, admin.Edit{TakeRoles: []string{q.Form.Get("taken")}}
	}
	if err := p.edit(q, kind, edit); err != nil {
		return page.RenameField(err, "roles", "role")
	}
	return q.Done(userAt(q), "user_roles")
}

func (p *userPage) disable(q *page.Request) error {
	yes, reason := true, strings.TrimSpace(q.Form.Get("disabled_reason"))
	if err := p.edit(q, authcore.EventAdminUsersUpdate, admin.Edit{Disabled: &yes, Reason: &reason}); err != nil {
		return err
	}
	return q.Done(userAt(q), "user_disabled")
}

func (p *userPage) enable(q *page.Request) error {
	no := false
	if err := p.edit(q, authcore.EventAdminUsersUpdate, admin.Edit{Disabled: &no}); err != nil {
		return err
	}
	return q.Done(userAt(q), "user_enabled")
}

func (p *userPage) edit(q *page.Request, kind authcore.EventKind, e admin.Edit) error {
	return p.changes(q, kind, func(ctx context.Context) error {
		_, err := p.at.Users.Change(ctx, q.User.AccountID, page.Param(q, "id"), e, nil)
		return err
	})
}

func (p *userPage) delete(q *page.Request) error {
	err := p.changes(q, authcore.EventAdminUsersDelete, func(ctx context.Context) error {
		return admin.Delete(ctx, p.at.Directory, p.closure, admin.Deletion{Actor: q.User.AccountID, Which: page.Param(q, "id"), Client: quiet(q)})
	})
	if err != nil {
		return err
	}
	return q.Done(consoleUsersPath, "user_deleted")
}
