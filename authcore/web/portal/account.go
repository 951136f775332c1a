package portal

import (
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// account is the page of who is signed in.
type account struct {
	card
	Name, Email string
	SignOut     form
	Sessions    []device
	Others, All *form
}

// device is one session.
type device struct {
	Name, Where, Seen, SeenAt string
	Host                      string // that it was handed over to; "" for the session of a sign-in
	Current                   bool
	End                       form
}

// showAccount shows profile, password and sessions. A page of its own below it is where a form of it was refused.
func (v *visit) showAccount() error {
	if v.form == nil && v.path != "/account" {
		return v.redirect(v.here("/account"))
	}
	p, err := v.person()
	if err != nil {
		return err
	}
	if p == nil {
		return v.toLogin()
	}
	owner, err := v.cfg.Profile.Get(v.r.Context(), p.AccountID)
	if authcore.IsAnonymous(err) {
		v.in.Cookies().ClearSession(v.w.Header())
		return v.toLogin()
	}
	if err != nil {
		return err
	}
	live, err := v.cfg.Sessions.List(v.r.Context(), p.AccountID)
	if err != nil {
		return err
	}
	a := account{card: card{Title: v.t("account.title")}, Name: owner.Name(), Email: owner.Email}
	a.Forms = []form{v.profileForm(owner), v.passwordForm()}
	a.SignOut = form{ID: "logout-form", Action: v.here("/logout"), Button: v.t("account.sign_out"), Quiet: true}
	v.listSessions(&a, live, p.SessionID)
	if v.guarded() {
		a.Links = []link{{"/", v.t("account.service", "Host", v.r.Host)}}
	}
	v.report(&a.card)
	v.announce(&a.card)
	return v.draw("account", &a)
}

func (v *visit) profileForm(owner authcore.Account) form {
	typed := *v
	if v.path != "/account" {
		typed.form = nil // what was typed belongs to another form
	}
	return form{
		ID: "profile-form", Action: v.here("/account"), Title: v.t("account.profile"), Button: v.t("account.profile.button"),
		Fields: []field{
			typed.textField("first_name", "given-name", owner.FirstName, 100),
			typed.textField("last_name", "family-name", owner.LastName, 100),
			typed.usernameField(owner.Username),
			typed.phoneField(owner.Phone),
		},
	}
}

func (v *visit) phoneField(known string) field {
	f := v.textField("phone", "tel", known, 32)
	f.Type, f.InputMode, f.Hint = "tel", "tel", v.t("field.phone.hint")
	return f
}

func (v *visit) passwordForm() form {
	current := v.passwordField()
	current.ID, current.Name, current.Label = "current_password", "current_password", v.t("field.current_password")
	return form{
		ID: "password-form", Action: v.here("/account/password"), Title: v.t("account.password"), Intro: v.t("account.password.intro"),
		Button: v.t("account.password.button"), Fields: []field{current, v.newPasswordField()},
	}
}

func (v *visit) listSessions(a *account, live []authcore.Session, current uuid.UUID) {
	end := func(id, value, button string) form {
		return form{ID: "end-" + id, Action: v.here("/account/sessions"), Hidden: []hidden{{"end", value}}, Button: button, Quiet: true}
	}
	for _, s := range live {
		_, host, _ := strings.Cut(s.Origin, "://")
		a.Sessions = append(a.Sessions, device{
			Host: host,
			Name: v.deviceName(s), Where: s.Addr, Seen: v.ago(s.LastSeenAt), SeenAt: s.LastSeenAt.UTC().Format(time.RFC3339),
			Current: s.ID == current, End: end(s.ID.String(), s.ID.String(), v.t("account.sessions.end")),
		})
	}
	if len(live) > 1 {
		others := end("others", "others", v.t("account.sessions.others"))
		a.Others = &others
	}
	all := end("all", "all", v.t("account.sessions.all"))
	a.All = &all
}

func (v *visit) deviceName(s authcore.Session) string {
	browser, system, _, _ := httpauth.ParseUserAgent(s.UserAgent)
	switch {
	case s.DeviceName != "":
		return s.DeviceName
	case browser != "" && system != "":
		return v.t("account.sessions.device", "Browser", browser, "System", system)
	case browser != "" || system != "":
		return browser + system
	}
	return v.t("account.sessions.unknown")
}

// ago says how long ago something was, in words.
func (v *visit) ago(at time.Time) string {
	switch d := v.now().Sub(at); {
	case d < 2*time.Minute:
		return v.t("ago.now")
	case d < time.Hour:
		return v.count("ago.minutes", int(d/time.Minute))
	case d < 24*time.Hour:
		return v.count("ago.hours", int(d/time.Hour))
	default:
		return v.count("ago.days", int(d/(24*time.Hour)))
	}
}

// owner returns who submits a form of the account page.
func (v *visit) owner() (*authcore.Principal, error) {
	return v.cfg.Authenticator.Authenticate(v.w, v.r, v.in)
}

func (v *visit) saveProfile() error {
	p, err := v.owner()
	if err != nil {
		return err
	}
	given := func(name string) *string {
		if !v.form.Has(name) {
			return nil
		}
		text := v.form.Get(name)
		return &text
	}
	_, err = v.cfg.Profile.Change(v.r.Context(), p.AccountID, profile.Patch{
		FirstName: given("first_name"), LastName: given("last_name"), Username: given("username"), Phone: given("phone"),
	}, v.in.Client)
	if err != nil {
		return err
	}
	return v.done("/account", "profile")
}

// changePassword ends every session, this one too: with the new password one signs in again.
func (v *visit) changePassword() error {
	p, err := v.owner()
	if err != nil {
		return err
	}
	err = v.cfg.Password.Change(v.r.Context(), password.ChangeInput{
		AccountID: p.AccountID, Current: v.form.Get("current_password"), New: v.form.Get("new_password"), Client: v.in.Client,
	})
	var refusal *authcore.Error
	if errors.As(err, &refusal) && refusal.Code == authcore.InvalidCredentials {
		atField := *refusal
		atField.Fields.Add("current_password", authcore.CurrentPasswordWrong)
		return &atField
	}
	if err != nil {
		return err
	}
	v.in.Cookies().ClearSession(v.w.Header())
	return v.done("/login", "password")
}

// endSessions ends one session, all others, or all. A session that is not theirs or not live is as good as ended.
func (v *visit) endSessions() error {
	p, err := v.owner()
	if err != nil {
		return err
	}
	what := v.form.Get("end")
	ids, rest := []uuid.UUID(nil), what == "others" || what == "all"
	if what == "others" {
		ids = []uuid.UUID{p.SessionID}
	}
	if !rest {
		id, err := uuid.Parse(what)
		if err != nil {
			return authcore.Refuse(authcore.InvalidRequest, "The form does not say which session.")
		}
		ids = []uuid.UUID{id}
	}
	if _, err := v.cfg.Sessions.Revoke(v.r.Context(), p.AccountID, ids, rest, v.in.Client); err != nil {
		return err
	}
	if what == "all" || !rest && ids[0] == p.SessionID {
		v.in.Cookies().WriteSignedOut(v.w.Header())
		return v.redirect(v.here("/signed-out"))
	}
	return v.done("/account", "sessions")
}
