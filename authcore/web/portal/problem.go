package portal

import (
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// explain says in the visitor's language what happened and what to do.
func (v *visit) explain(p *httpauth.Problem) string {
	if p.Code == authcore.InvalidCredentials && len(p.Fields) > 0 {
		return v.t("error." + string(authcore.InvalidFields))
	}
	text := v.t("error." + string(p.Code))
	switch p.Code {
	case authcore.RegistrationProofRequired:
		if v.form.Get("password") != "" {
			text = v.t("verify.password.wrong")
		}
	case authcore.RateLimited, authcore.AccountLocked, authcore.TooManyAttempts:
		if seconds, err := strconv.Atoi(v.w.Header().Get("Retry-After")); err == nil && seconds > 0 {
			text += " " + v.wait(seconds)
		}
	case authcore.Internal:
		if v.form != nil {
			text = strings.Join(append([]string{text}, v.quote(p)...), " ")
		}
	}
	return text
}

// quote asks to name the line of the log that a problem has; none for most.
func (v *visit) quote(p *httpauth.Problem) []string {
	if id, ok := strings.CutPrefix(p.Instance, "urn:uuid:"); ok {
		return []string{v.t("error.quote", "ID", id)}
	}
	return nil
}

// wait rounds up: who comes back when told must not come too early.
func (v *visit) wait(seconds int) string {
	if seconds <= 90 {
		return v.count("error.wait.seconds", seconds)
	}
	return v.count("error.wait.minutes", (seconds+59)/60)
}

// report shows what was refused: at the fields it is about, and all of it at the head of the page. It moves the focus to
// the first field to correct.
func (v *visit) report(c *card) {
	if v.problem == nil {
		return
	}
	c.Alert = &alert{Title: v.explain(v.problem)}
	shown, focus := map[string]bool{}, ""
	for i := range c.Forms {
		for j := range c.Forms[i].Fields {
			f := &c.Forms[i].Fields[j]
			if len(v.problem.Fields) > 0 {
				f.Focus = false
			}
			if shown[f.Name] {
				continue
			}
			shown[f.Name] = true
			for _, broken := range v.problem.Fields.At(f.Name) {
				text := v.rule(broken)
				f.Errors = append(f.Errors, text)
				c.Alert.Items = append(c.Alert.Items, item{Text: f.Label + ": " + text, Field: f.ID})
				if focus == "" {
					f.Focus, focus = true, f.ID
				}
			}
		}
	}
	for _, broken := range v.problem.Fields {
		if !shown[broken.Field] {
			c.Alert.Items = append(c.Alert.Items, item{Text: v.rule(broken)})
		}
	}
}

// announce shows what has just been done. The word comes with the address, so it only chooses among texts.
func (v *visit) announce(c *card) {
	if v.form != nil {
		return
	}
	if id := "done." + v.r.URL.Query().Get("done"); v.r.URL.Query().Has("done") && v.has(id) {
		c.Notice = v.t(id)
	}
	c.Lost = v.lostNotice()
}

// show answers with a card, and with the problem of the visit if there is one.
func (v *visit) show(c card) error {
	v.report(&c)
	v.announce(&c)
	return v.draw("card", &c)
}

// is reports whether the visit's problem has the code.
func (v *visit) is(code authcore.Code) bool { return v.problem != nil && v.problem.Code == code }
