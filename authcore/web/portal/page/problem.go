package page

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// AskCodeOf says what the code that the page asks for is of, where nobody sends it: then a wrong one is no reason to ask for another.
func AskCodeOf(q *Request, of authcore.FactorType) { q.code = of }

// Explain says in the visitor's language what happened and what to do.
func (q *Request) Explain() string {
	p := q.Problem
	if p.Code == authcore.InvalidCredentials && len(p.Fields) > 0 {
		return q.T("error." + string(authcore.InvalidFields))
	}
	text := q.T("error." + string(p.Code))
	switch p.Code {
	case authcore.Conflict:
		if len(p.Fields) == 0 {
			text = q.T("error.not_as_it_is")
		}
	case authcore.RegistrationProofRequired:
		if q.Form.Get("password") != "" {
			text = q.T("verify.password.wrong")
		}
	case authcore.ReauthenticationRequired, authcore.MFARequired:
		switch q.proof {
		case askBoth:
			text = q.T("fresh.both")
		case stepUp:
			text = q.T("fresh.again")
		case elsewhere:
			text = q.T("fresh.first")
		}
	case authcore.InvalidCode:
		if id := "error.wrong_code." + string(q.code); q.Has(id) {
			text = q.T(id)
		}
	case authcore.RateLimited, authcore.AccountLocked, authcore.TooManyAttempts:
		if seconds, err := strconv.Atoi(q.W.Header().Get("Retry-After")); err == nil && seconds > 0 {
			text += " " + q.wait(seconds)
		}
	case authcore.Internal:
		if q.Form != nil {
			text = strings.Join(append([]string{text}, q.Quote()...), " ")
		}
	}
	return text
}

// Quote asks to name the line of the log that a problem has; none for most.
func (q *Request) Quote() []string {
	if id, ok := strings.CutPrefix(q.Problem.Instance, "urn:uuid:"); ok {
		return []string{q.T("error.quote", "ID", id)}
	}
	return nil
}

// wait rounds up: who comes back when told must not come too early.
func (x *Texts) wait(seconds int) string {
	if seconds <= 90 {
		return x.Count("error.wait.seconds", seconds)
	}
	return x.Count("error.wait.minutes", (seconds+59)/60)
}

// Show answers with a view, and with the problem of the request if there is one.
func (q *Request) Show(v View) error { return q.ShowAs(viewTemplate, &v, &v) }

// ShowAs is Show for a page with a template of its own, which gets all; v is the part of it that is a view.
func (q *Request) ShowAs(template string, v *View, all any) error {
	v.askProof(q)
	v.report(q)
	v.announce(q)
	return q.draw(template, v.Title, all)
}

// report shows what was refused: at the fields it is about, and all of it at the head of the page. It moves the focus to
// the first field to correct.
func (v *View) report(q *Request) {
	if q.Problem == nil {
		return
	}
	v.Alert = &Alert{Title: q.Explain()}
	shown, focus := map[string]bool{}, ""
	for i := range v.Forms {
		for j := range v.Forms[i].Fields {
			f := &v.Forms[i].Fields[j]
			if len(q.Problem.Fields) > 0 {
				f.Focus = false
			}
			if shown[f.Name] {
				continue
			}
			shown[f.Name] = true
			for _, broken := range q.Problem.Fields.At(f.Name) {
				text := q.Rule(broken)
				f.Errors = append(f.Errors, text)
				v.Alert.Items = append(v.Alert.Items, Item{Text: f.Label + ": " + text, Field: f.ID})
				if focus == "" {
					f.Focus, focus = true, f.ID
				}
			}
		}
	}
	for _, broken := range q.Problem.Fields {
		if !shown[broken.Field] {
			v.Alert.Items = append(v.Alert.Items, Item{Text: q.Rule(broken)})
		}
	}
}

// announce shows what has just been done. The word comes with the address, so it only chooses among texts.
func (v *View) announce(q *Request) {
	if q.Form != nil {
		return
	}
	if id := "done." + q.R.URL.Query().Get("done"); q.R.URL.Query().Has("done") && q.Has(id) {
		v.Notice = q.T(id)
	}
	v.Lost = lostNotice(q)
	if q.R.URL.Query().Get("done") == notSaved { // no success, and not shown as one
		v.Notice, v.Lost = "", v.Notice
	}
}

// notSaved is where a form was sent after its sender had been signed out.
const notSaved = "not_saved"

// ShowProblem answers with a page that is about nothing but a problem.
func (q *Request) ShowProblem(v View) error { return q.draw(viewTemplate, v.Title, &v) }

// ProblemView returns the page about the problem of the request.
func (q *Request) ProblemView() View {
	return View{Title: q.T("error.title." + titleOf(q.Problem.Code)), Intro: []string{q.Explain()}}
}

// fail answers with a page about an error.
func (k *Kit) fail(q *Request, err error) {
	problem := q.SetProblem(err)
	v := q.ProblemView()
	v.Links = []Link{{To: q.Home(), Text: q.T("error.home")}}
	if problem.Code == authcore.CrossOrigin && overHTTP(q.R, q.Info) {
		v.Title, v.Intro = q.T("redirectloop.http"), []string{q.T("redirectloop.http.text")}
	}
	v.Intro = append(v.Intro, q.Quote()...)
	if err := q.ShowProblem(v); err != nil {
		q.Logger.ErrorContext(q.R.Context(), "could not render the error page", "error", err)
		http.Error(q.W, http.StatusText(problem.Status), problem.Status)
	}
}

// overHTTP reports whether a browser sent a form over http to what is served over https: it would not keep the cookies of
// a sign-in, and its Origin is not ours.
func overHTTP(r *http.Request, info httpauth.RequestInfo) bool {
	return info.HTTPS && strings.EqualFold(r.Header.Get("Origin"), "http://"+r.Host)
}

// titleOf names the heading of an error page.
func titleOf(code authcore.Code) string {
	switch code {
	case authcore.NotFound, authcore.MethodNotAllowed:
		return "missing"
	case authcore.CrossOrigin:
		return "foreign"
	case authcore.Unavailable:
		return "unavailable"
	case authcore.Internal:
		return "internal"
	case authcore.RateLimited:
		return "slow_down"
	}
	return "refused"
}
