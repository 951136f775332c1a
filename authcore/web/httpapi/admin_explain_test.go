package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
)

// explained answers as a gateway with one site would.
func explained(_ context.Context, q access.Question) (access.Explanation, error) {
	if !strings.HasPrefix(q.URL, "https://app.example.com/") {
		return access.Explanation{}, authcore.Refuse(authcore.NotFound, "No site of the configuration takes this address.")
	}
	return access.Explanation{Decision: access.Denies, Status: 403, Code: "forbidden", Site: "app.example.com", Guard: "Caddyfile:12", Rule: "Caddyfile:15",
		Steps: []access.Step{{Check: "require role admin", Result: "fails", Detail: "the user has no roles"}}, Headers: map[string]string{}}, nil
}

// Auditors may ask, others may not, and the answer does not have the token.
func TestAdmin_Explain(t *testing.T) {
	h := open(t)
	_, asUser := h.withRoles("user.one")
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	const question = `{"method":"GET","url":"https://app.example.com/x","token":"tokentokentoken","headers":{"Accept":"text/html"}}`
	h.call(http.MethodPost, "/admin/explain", question).refused(401, authcore.AuthenticationRequired)
	h.call(http.MethodPost, "/admin/explain", question, asUser).refused(403, authcore.Forbidden)
	got := h.call(http.MethodPost, "/admin/explain", question, asAuditor).want(200)
	if x := got.fields(); x["decision"] != "deny" || x["guard"] != "Caddyfile:12" || x["rule"] != "Caddyfile:15" || x["shadow"] != false || strings.Contains(string(got.body), "tokentoken") {
		t.Errorf("it says %s", got.body)
	}
	h.call(http.MethodPost, "/admin/explain", `{"method":"GET","url":"https://other.example.com/"}`, asAuditor).refused(404, authcore.NotFound)
	h.call(http.MethodPost, "/admin/explain", `{"url":"https://app.example.com/"}`, asAuditor).refused(422, authcore.InvalidFields)
}
