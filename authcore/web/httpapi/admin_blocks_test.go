package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
)

// TestAdmin_Blocks: a rule holds as soon as it is added, is listed with its hits, expires and is removed; one of the configuration is not.
func TestAdmin_Blocks(t *testing.T) {
	p, err := block.ParsePattern(block.Email, "*@configured.example")
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, plan{blocks: []block.Compiled{block.Configured(block.Email, "*@configured.example", block.DefaultActs(), p)}})
	_, asUser := h.withRoles("user.one")
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	boss, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	const path = "/admin/blocks"
	h.call(http.MethodGet, path, "").refused(401, authcore.AuthenticationRequired)
	h.call(http.MethodGet, path, "", asUser).refused(403, authcore.Forbidden)
	h.call(http.MethodPost, path, `{"kind":"ip","pattern":"192.0.2.1"}`, asAuditor).refused(403, authcore.Forbidden)

	signUp := func(address string) answer {
		return h.post("/register", `{"email":"`+address+`","password":"`+password+`"}`)
	}
	signUp("x@spam.example").want(202)
	added := h.call(http.MethodPost, path, `{"kind":"email","pattern":"*@SPAM.example","reason":"a wave","expires_in":3600}`, asAdmin).want(201)
	rule := added.fields()
	id := rule["id"].(string)
	if added.header.Get("Location") != "/auth/admin/blocks/"+id || rule["source"] != "runtime" || rule["created_by"] != boss.ID.String() ||
		rule["hits"] != 0.0 || rule["last_hit_at"] != nil || len(rule["for"].([]any)) != 2 {
		t.Errorf("got %s", added.body)
	}
	signUp("y@spam.example").refused(403, authcore.Blocked)
	h.flushBlocks()
	if got := h.call(http.MethodGet, path+"/"+id, "", asAuditor).want(200).fields(); got["hits"] != 1.0 || got["last_hit_at"] == nil {
		t.Errorf("got %v", got)
	}
	list := h.call(http.MethodGet, path+"?limit=1", "", asAuditor).want(200).fields()
	rest := h.call(http.MethodGet, path+"?limit=1&cursor="+list["next"].(string), "", asAuditor).want(200).fields()
	configured := rest["blocks"].([]any)[0].(map[string]any)
	if list["blocks"].([]any)[0].(map[string]any)["id"] != id || configured["source"] != "caddyfile" || configured["created_at"] != nil || rest["next"] != nil {
		t.Errorf("listed %v, then %v", list, rest)
	}
	for value, n := range map[string]int{"X@Spam.example": 1, "x@configured.example": 1, "x@fine.example": 0} {
		if got := h.call(http.MethodPost, path+"/test", `{"kind":"email","value":"`+value+`"}`, asAuditor).want(200).fields()["matches"].([]any); len(got) != n {
			t.Errorf("%s: %v", value, got)
		}
	}
	h.call(http.MethodPost, path+"/test", `{"kind":"email","value":"x"}`, asAdmin).refused(422, authcore.InvalidFields)
	for _, bad := range []string{`{"kind":"email","pattern":"^("}`, `{"kind":"mail","pattern":"*"}`, `{"kind":"ip","pattern":"x"}`,
		`{"kind":"email","pattern":"*","for":["read"]}`, `{"kind":"email","pattern":"*","expires_in":-1}`, `{"kind":"email","pattern":"*","expires_in":0}`, `{"kind":"email","pattern":"*","expires_in":999999999999}`} {
		h.call(http.MethodPost, path, bad, asAdmin).refused(422, authcore.InvalidFields)
	}

	h.call(http.MethodDelete, path+"/"+configured["id"].(string), "", asAdmin).refused(409, authcore.ManagedByConfiguration)
	h.call(http.MethodDelete, path+"/"+id, "", asAuditor).refused(403, authcore.Forbidden)
	h.call(http.MethodDelete, path+"/"+id, "", asAdmin).want(204)
	h.call(http.MethodDelete, path+"/"+id, "", asAdmin).refused(404, authcore.NotFound)
	h.call(http.MethodGet, path+"/"+uuid.NewString(), "", asAdmin).refused(404, authcore.NotFound)
	signUp("z@spam.example").want(202)

	h.call(http.MethodPost, path, `{"kind":"email","pattern":"*@spam.example","expires_in":60}`, asAdmin).want(201)
	signUp("z@spam.example").refused(403, authcore.Blocked)
	h.Clock.Advance(time.Minute)
	signUp("w@spam.example").want(202)
}

// flushBlocks has the hits of block rules written.
func (h *house) flushBlocks() {
	h.Helper()
	if err := h.Blocks.Flush(h.Context(), h.Store); err != nil {
		h.Fatal(err)
	}
}
