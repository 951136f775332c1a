package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/handover"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// childOf hands a session over to another host.
func (h *house) childOf(accessToken string) session.Tokens {
	h.Helper()
	me := h.call(http.MethodGet, "/sessions", "", bearer(accessToken)).want(http.StatusOK)
	var list struct {
		Sessions []struct {
			ID      string
			Current bool
		}
	}
	check(h.T, json.Unmarshal(me.body, &list))
	parent := ""
	for _, s := range list.Sessions {
		if s.Current {
			parent = s.ID
		}
	}
	verifier := handover.NewVerifier()
	account, err := h.Store.AccountByIdentifier(h.Context(), authcore.Identifier{Kind: authcore.KindUsername, Value: username})
	check(h.T, err)
	to := handover.AskInput{Origin: "https://app.example.com:8443", Challenge: handover.Challenge(verifier)}
	code, err := h.Handover.Issue(h.Context(), &authcore.Principal{AccountID: account.ID, Session: parent}, to.Origin, h.Handover.Ask(to))
	check(h.T, err)
	client := testflow.Client()
	client.Origin = "https://app.example.com"
	child, err := h.Handover.Redeem(h.Context(), handover.RedeemInput{Code: code, Verifier: verifier, Origin: to.Origin}, client)
	check(h.T, err)
	return child
}

func TestSessions_Children(t *testing.T) {
	h := open(t)
	h.account(email, username)
	p := h.signIn(username)
	child := h.childOf(p.AccessToken)
	body := string(h.call(http.MethodGet, "/sessions", "", bearer(p.AccessToken)).want(http.StatusOK).body)
	for _, part := range []string{`"host":"app.example.com","parent":"` + child.Session.ParentID.String() + `"`, `"host":"","parent":null`} {
		if !strings.Contains(body, part) {
			t.Errorf("the list has no %s: %s", part, body)
		}
	}
	h.call(http.MethodDelete, "/sessions/"+child.Session.ParentID.String(), "", bearer(p.AccessToken)).want(http.StatusNoContent)
	if _, err := h.Sessions.Refresh(t.Context(), child.Refresh, authcore.ModeCookie, testflow.Client()); authcore.CodeOf(err) != authcore.InvalidRefreshToken {
		t.Errorf("the child session of an ended session: %v", err)
	}
}

func TestLogout_Everywhere(t *testing.T) {
	h := open(t)
	h.account(email, username)
	for everywhere, body := range map[bool]string{true: `{"everywhere":true}`, false: `{"everywhere":false}`} {
		p := h.signIn(username)
		child := h.childOf(p.AccessToken)
		h.post("/logout", body, header("Cookie", "__Host-gatehouse="+child.Access)).want(http.StatusNoContent)
		parent := h.call(http.MethodGet, "/me", "", bearer(p.AccessToken))
		if everywhere {
			parent.refused(401, authcore.InvalidToken)
		} else {
			parent.want(http.StatusOK)
		}
	}
	p := h.signIn(username)
	child := h.childOf(p.AccessToken)
	h.post("/logout", `{"everywhere":true,"refresh_token":"`+child.Refresh+`"}`).want(http.StatusNoContent)
	h.call(http.MethodGet, "/me", "", bearer(p.AccessToken)).refused(401, authcore.InvalidToken)
}
