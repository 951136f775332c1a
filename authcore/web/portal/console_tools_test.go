package portal_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
)

// The page explain shows every step of an answer, and keeps no token: neither in the page nor in an address.
func TestConsole_Explain(t *testing.T) {
	var asked access.Question
	reply := func(_ context.Context, q access.Question) (access.Explanation, error) {
		switch asked = q; {
		case strings.Contains(q.URL, "nowhere"):
			return access.Explanation{}, authcore.Refuse(authcore.NotFound, "").Because(access.ErrNoSite)
		case q.User == "nobody":
			return access.Explanation{}, authcore.Refuse(authcore.NotFound, "")
		case q.IP == "x":
			return access.Explanation{}, authcore.RefuseField("ip", authcore.IPInvalid)
		}
		return access.Explanation{Decision: access.Denies, Status: 403, Code: "forbidden", Site: "app.example.com", Guard: "Caddyfile:12", Rule: "Caddyfile:15", Shadow: true,
			Steps: []access.Step{{Check: "require role staff", Result: "fails", Detail: "the user has no roles"}}, Headers: map[string]string{"Remote-User": "ada@example.com"}}, nil
	}
	b := open(t, plan{explain: reply}).browser().as(authcore.RoleAuditor)
	b.get("/console/explain?user=ada").want(http.StatusOK).says("Nothing is sent")
	if got := b.get("/console/explain?user=ada"); !strings.Contains(got.body, `value="ada"`) {
		t.Errorf("the user of the address is not asked about: %s", got.body)
	}
	ask := func(fields ...string) *answer {
		return b.post("/console/explain", append([]string{"method", "post"}, fields...))
	}
	const at = "https://app.example.com/x"
	ask("url", at, "token", "ey.secret", "ip", "192.0.2.1", "headers", "Accept: text/html\r\n\r\nX-A: b: c\r\n").want(http.StatusOK).
		says("The request is refused (403, forbidden)", "Caddyfile:12", "Caddyfile:15", "goes on all the same", "require role staff", "fails", "the user has no roles", "Remote-User", "192.0.2.1").
		silent("ey.secret")
	if asked.Method != "POST" || asked.Token != "ey.secret" || asked.Headers["X-A"] != "b: c" || asked.Headers["Accept"] != "text/html" || len(asked.Headers) != 2 {
		t.Errorf("asked %+v", asked)
	}
	for field, got := range map[string]*answer{
		"No site of the configuration": ask("url", "https://nowhere.example.com/"), "There is no such account": ask("url", at, "user", "nobody"),
		"This is not an IP address": ask("url", at, "ip", "x", "token", "ey.secret"), "one header a line": ask("url", at, "headers", "Accept"), "Please fill this in": ask("url", ""),
	} {
		got.want(http.StatusUnprocessableEntity).says(field).silent("ey.secret")
	}
	if b.told(authcore.EventAdminExplain) == 0 {
		t.Error("no event tells of the question")
	}
}

// The page health shows what the doctor has found, in the language of whoever looks, and what the node depends on.
func TestConsole_Health(t *testing.T) {
	state := portal.Health{Parts: []portal.Part{{Name: "database", Detail: "PostgreSQL"}, {Name: "redis", Fault: "connection refused"}}}
	b := open(t, plan{health: func(context.Context) (portal.Health, error) { return state, nil }}).browser().as(authcore.RoleAuditor)
	b.get("/console/health").want(http.StatusOK).says("Nothing was found", "PostgreSQL", "connection refused", "Works", "Fails", "Mails waiting", "Nodes")
	state.Findings = []portal.Finding{{ID: "redirect_host_unguarded", Level: portal.FindingWarning, Where: "redirect_hosts", Text: "redirect_host_unguarded", Params: []any{"Host", "<b>x"}}}
	b.get("/console/health").want(http.StatusOK).says("Warning", "redirect_host_unguarded", "<b>x, where no guard stands", "put a gatehouse_guard").silent("Nothing was found")
	b.get("/console/health", header("Accept-Language", "de")).want(http.StatusOK).says("Warnung", "wo kein Wächter steht", "Gesundheit")
}

// Administrators see everybody's invitations by state, make some, send them again and revoke them; each is an event.
func TestConsole_Invitations(t *testing.T) {
	b := open(t, plan{inviters: authcore.Inviters{Everybody: true}}).browser().as(authcore.RoleAdmin)
	b.get("/console/invitations").want(http.StatusOK).says("Nobody has been invited yet", "Invite somebody")
	b.get("/console/invitations/new").want(http.StatusOK).says("auditor are given only to an address")
	b.post("/console/invitations/new", []string{"email", "", "roles", "admin"}).want(http.StatusUnprocessableEntity).says("can be given only to an address")
	b.post("/console/invitations/new", []string{"email", "grace@example.com", "roles", "auditor staff"}).leads("/auth/console/invitations?done=invited")
	b.post("/console/invitations/new", []string{"email", "", "roles", ""}).leads("/auth/console/invitations?done=invitation_made")
	b.get("/console/invitations?done=invitation_made").want(http.StatusOK).says("Its link is below", "/auth/invitation?token=", "grace@example.com", "auditor staff", email, "Whoever has the link")
	b.get("/console/invitations").want(http.StatusOK).silent("/auth/invitation?token=")
	list := must(b.Invite.ListAll(t.Context()))(t)
	one := "/console/invitations/" + list[1].ID.String()
	b.get(one).want(http.StatusOK).says("grace@example.com", "The former link stops working", "stops working at once")
	b.post(one+"/resend", nil).leads("/auth/console/invitations?done=invited")
	b.post(one, nil).leads("/auth/console/invitations?done=invitation_revoked")
	b.post(one, nil).want(http.StatusNotFound)
	b.get(one).want(http.StatusOK).says("Revoked").silent(`method="post"`)
	b.get("/console/invitations?status=revoked").want(http.StatusOK).says("grace@example.com").silent("Whoever has the link")
	b.get("/console/invitations?status=used").want(http.StatusOK).says("No invitation is in this state")
	b.get("/console/invitations?status=x").want(http.StatusBadRequest)
	b.get("/console/invitations/x").want(http.StatusNotFound)
	for kind, n := range map[authcore.EventKind]int{authcore.EventAdminInvitationsCreate: 3, authcore.EventAdminInvitationsResend: 1, authcore.EventAdminInvitationsRevoke: 2,
		authcore.EventAdminInvitationsList: 2} {
		if got := b.told(kind); got != n {
			t.Errorf("%d events %s, want %d", got, kind, n)
		}
	}
}
