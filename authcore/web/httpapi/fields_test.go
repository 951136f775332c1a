package httpapi_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
)

var ownFields = userfield.Set{
	{Name: "team", Type: userfield.Text, Required: true}, {Name: "age", Type: userfield.Integer},
	{Name: "news", Type: userfield.Boolean}, {Name: "plan", Type: userfield.Text, ReadOnly: true},
}

// The fields of the operator are set at sign-up, shown, changed by merge patches and replaced by PUT.
func TestFields_OfAnAccount(t *testing.T) {
	h := open(t, plan{fields: ownFields})
	h.account(email, username, func(a *authcore.Account) { a.Fields = map[string]any{"team": "blue", "plan": "gold"} })
	me := bearer(h.signIn(username).AccessToken)
	for _, c := range []struct {
		method, body string
		status       int
		fields       string // that are broken
		want         map[string]any
	}{
		{http.MethodGet, "", 200, "", map[string]any{"team": "blue", "plan": "gold"}},
		{http.MethodPatch, `{"fields":{"age":7,"news":false,"plan":"platinum"}}`, 200, "", map[string]any{"team": "blue", "plan": "gold", "age": 7.0, "news": false}},
		{http.MethodPatch, `{"first_name":"Ada"}`, 200, "", map[string]any{"team": "blue", "plan": "gold", "age": 7.0, "news": false}},
		{http.MethodPatch, `{"fields":{"news":null}}`, 200, "", map[string]any{"team": "blue", "plan": "gold", "age": 7.0}},
		{http.MethodPatch, `{"fields":{"age":"7"}}`, 422, "fields.age", nil},
		{http.MethodPatch, `{"fields":{"team":null}}`, 422, "fields.team", nil},
		{http.MethodPatch, `{"fields":{"colour":"red"}}`, 422, "fields.colour", nil},
		{http.MethodPatch, `{"fields":null}`, 422, "fields.team", nil},
		{http.MethodPatch, `{"locale":"fr"}`, 422, "locale", nil},
		{http.MethodPut, `{"first_name":"Ada"}`, 422, "fields.team", nil},
		{http.MethodPut, `{"fields":{"team":"red"},"locale":"de"}`, 200, "", map[string]any{"team": "red", "plan": "gold"}},
	} {
		got := h.call(c.method, "/me", c.body, me)
		if c.status == 422 {
			errors, _ := got.refused(422, authcore.InvalidFields).fields()["errors"].(map[string]any)
			if len(errors) != 1 || errors[c.fields] == nil {
				t.Errorf("%s %s: %v", c.method, c.body, errors)
			}
			continue
		}
		if user := got.want(c.status).fields(); !reflect.DeepEqual(user["fields"], c.want) {
			t.Errorf("%s %s: %v, want %v", c.method, c.body, user["fields"], c.want)
		}
	}
	user := h.call(http.MethodGet, "/me", "", me).want(200).fields()
	if user["locale"] != "de" {
		t.Errorf("locale is %v", user["locale"])
	}
	// What was read can be sent back.
	h.call(http.MethodPut, "/me", string(must(json.Marshal(user))(t)), me).want(200)
	exported := h.post("/me/export", "", me).want(200)
	if account := exported.fields()["account"].(map[string]any); account["locale"] != "de" || !reflect.DeepEqual(account["fields"], map[string]any{"team": "red", "plan": "gold"}) {
		t.Errorf("exported: %v %v", account["locale"], account["fields"])
	}
}

func TestFields_AtSignUp(t *testing.T) {
	h := open(t, plan{fields: ownFields})
	const start = `{"email":"` + email + `","password":"` + password + `",`
	for body, field := range map[string]string{
		`"fields":{}}`: "fields.team", `"fields":{"team":"blue","colour":1}}`: "fields.colour", `"fields":{"team":true}}`: "fields.team",
		`"fields":{"team":"blue"},"locale":"xx"}`: "locale",
	} {
		if errors, _ := h.post("/register", start+body).refused(422, authcore.InvalidFields).fields()["errors"].(map[string]any); errors[field] == nil {
			t.Errorf("%s: %v", body, errors)
		}
	}
	h.post("/register", start+`"fields":["team"]}`).refused(400, authcore.InvalidRequest)
	proof := h.post("/register", start+`"fields":{"team":"blue","plan":"gold"},"locale":"de-at"}`).want(202).fields()["registration"].(string)
	token := h.Mail(t, email, authcore.MailVerify)
	user := h.post("/verify", `{"email":"`+email+`","otp":"`+token.Code+`","registration":"`+proof+`"}`).want(200).fields()["user"].(map[string]any)
	if user["locale"] != "de-AT" || !reflect.DeepEqual(user["fields"], map[string]any{"team": "blue"}) || token.Lang != "de-AT" {
		t.Errorf("%v %v, mail in %q", user["locale"], user["fields"], token.Lang)
	}
}
