package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// What may be changed while the gateway runs: seen by auditors, changed by administrators who have just signed in, and told by events.
func TestSettings_SetAndReset(t *testing.T) {
	h := open(t)
	boss, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	list := h.call(http.MethodGet, "/admin/settings", "", asAuditor).want(200).fields()
	if all, ok := list["settings"].([]any); !ok || len(all) != 4 || list["version"] != 0.0 {
		t.Fatalf("%v", list)
	}
	const path = "/admin/settings/access_lifetime"
	got := h.call(http.MethodGet, path, "", asAuditor).want(200).fields()
	if got["value"] != "5m" || got["source"] != "default" || got["configured"] != nil || got["range"] != "1s-1d" || got["type"] != "duration" || got["changed_at"] != nil {
		t.Errorf("at first %v", got)
	}
	h.call(http.MethodPut, path, `{"value":"1m"}`, asAuditor).refused(403, authcore.Forbidden)
	got = h.call(http.MethodPut, path, `{"value":"60s","reason":"stolen laptops"}`, asAdmin).want(200).fields()
	if got["value"] != "1m" || got["source"] != "runtime" || got["default"] != "5m" || got["changed_by"] != boss.ID.String() || got["reason"] != "stolen laptops" {
		t.Errorf("after the change %v", got)
	}
	for value, says := range map[string]string{`"25h"`: "1s-1d", `"30d"`: "1s-1d", `7`: "1s-1d", `null`: "1s-1d", `true`: "1s-1d", `["1m"]`: "1s-1d"} {
		r := h.call(http.MethodPut, path, `{"value":`+value+`}`, asAdmin).refused(422, authcore.InvalidFields)
		if !strings.Contains(string(r.body), says) {
			t.Errorf("%s: %s", value, string(r.body))
		}
	}
	if r := h.call(http.MethodPut, "/admin/settings/refresh_lifetime", `{"value":"1m"}`, asAdmin).refused(422, authcore.InvalidFields); !strings.Contains(string(r.body), "access_lifetime (1m)") {
		t.Errorf("the rule between two is not told: %s", string(r.body))
	}
	h.call(http.MethodPut, "/admin/settings/otp.attempts", `{"value":3}`, asAdmin).refused(409, authcore.ManagedByConfiguration)
	h.call(http.MethodDelete, "/admin/settings/otp.attempts", "", asAdmin).refused(409, authcore.ManagedByConfiguration)
	h.call(http.MethodPut, "/admin/settings/data_dir", `{"value":"/"}`, asAdmin).refused(404, authcore.NotFound)
	if got = h.call(http.MethodGet, "/admin/settings/otp.attempts", "", asAdmin).want(200).fields(); got["value"] != 5.0 || got["type"] != "number" {
		t.Errorf("a number is %v", got["value"])
	}
	if got = h.call(http.MethodDelete, path, "", asAdmin).want(200).fields(); got["value"] != "5m" || got["source"] != "default" || got["changed_by"] != nil {
		t.Errorf("after the reset %v", got)
	}
	page := h.call(http.MethodGet, path+"/history?limit=1", "", asAuditor).want(200).fields()
	last := page["changes"].([]any)[0].(map[string]any)
	if last["from"] != "1m" || last["to"] != "5m" || last["by"] != boss.ID.String() || page["next"] == nil {
		t.Errorf("history %v", page)
	}
	h.call(http.MethodGet, path+"/history?limit=201", "", asAuditor).refused(400, authcore.InvalidRequest)
	h.call(http.MethodGet, path+"/history?cursor=x", "", asAuditor).refused(400, authcore.InvalidRequest)
	h.call(http.MethodOptions, path, "").want(204)
	before := h.signIn("boss.one")
	h.Clock.Advance(11 * time.Minute)
	h.call(http.MethodPut, path, `{"value":"1m"}`, bearer(h.refreshed(before).AccessToken)).refused(403, authcore.ReauthenticationRequired)
}

func TestSigningKeys_ListAndRotate(t *testing.T) {
	h := open(t)
	_, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	before := h.call(http.MethodGet, "/admin/signing-keys", "", asAuditor).want(200)
	if strings.Count(string(before.body), `"active"`) != 2 || strings.Contains(string(before.body), "sealed") || strings.Contains(string(before.body), "private") {
		t.Errorf("%s", string(before.body))
	}
	h.call(http.MethodPost, "/admin/signing-keys/rotate", "", asAuditor).refused(403, authcore.Forbidden)
	if after := h.call(http.MethodPost, "/admin/signing-keys/rotate", "", asAdmin).want(200); strings.Count(string(after.body), `"retired"`) != 2 || strings.Count(string(after.body), `"active"`) != 2 {
		t.Errorf("%s", string(after.body))
	}
	h.call(http.MethodGet, "/admin/signing-keys", "", asAdmin).want(200) // a token of the retired key
}
