package handover_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/handover"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const app = "https://app.example.com"

// env is one node with somebody who is signed in.
type env struct {
	*testing.T
	*testflow.Env
	parent session.Tokens
}

func open(t *testing.T) *env {
	t.Helper()
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	return &env{t, e, e.Person(t, signup.RegisterInput{Email: "ada@example.com", Username: "ada"})}
}

// ask is what the host says that has given its browser the verifier.
func (e *env) ask(verifier string) string {
	return e.Handover.Ask(handover.AskInput{Origin: app, Challenge: handover.Challenge(verifier)})
}

// issue returns a verifier and a code for it.
func (e *env) issue(from session.Tokens) (verifier, code string) {
	e.Helper()
	verifier = handover.NewVerifier()
	code, err := e.Handover.Issue(e.Context(), &from.Principal, app, e.ask(verifier))
	if err != nil {
		e.Fatal(err)
	}
	return verifier, code
}

func (e *env) redeem(shown handover.RedeemInput) (session.Tokens, error) {
	e.Helper()
	return e.Handover.Redeem(e.Context(), shown, at(shown.Origin))
}

// at is a client that comes to an origin.
func at(origin string) authcore.Client {
	c := testflow.Client()
	c.Origin = origin
	return c
}

func (e *env) child(from session.Tokens) session.Tokens {
	e.Helper()
	verifier, code := e.issue(from)
	got, err := e.redeem(handover.RedeemInput{Code: code, Verifier: verifier, Origin: app})
	if err != nil {
		e.Fatal(err)
	}
	return got
}

// dead reports whether this node's memory refuses the session.
func (e *env) dead(of session.Tokens) bool {
	p := of.Principal
	return e.Revoked.Check(p.SessionID, p.AccountID, p.Epoch, p.RolesVersion) != authcore.Valid
}

func TestRedeem(t *testing.T) {
	e := open(t)
	e.Clock.Advance(time.Hour)
	got := e.child(e.parent)
	p, parent := got.Principal, e.parent.Principal
	if p.SessionID == parent.SessionID || p.AccountID != parent.AccountID || !p.AuthTime.Equal(parent.AuthTime) || !slices.Equal(p.AMR, parent.AMR) {
		t.Errorf("the child session says %+v, the parent %+v", p, parent)
	}
	if got.Mode != authcore.ModeCookie || got.Session.Origin != app || got.Session.ParentID != parent.SessionID ||
		!got.Session.ExpiresAt.Equal(e.parent.Session.ExpiresAt) {
		t.Errorf("the child session is %+v", got.Session)
	}
	if _, err := e.Handover.Issue(t.Context(), &got.Principal, app, e.ask(handover.NewVerifier())); authcore.CodeOf(err) != authcore.InvalidRequest {
		t.Errorf("a child session is handed on: %v", err)
	}
	for what, try := range map[string]struct {
		mode authcore.Mode
		at   string
	}{"at another host": {authcore.ModeCookie, "https://wiki.example.net"}, "at any host": {authcore.ModeCookie, ""}, "by a program": {authcore.ModeBearer, app}} {
		_, err := e.Sessions.Refresh(t.Context(), got.Refresh, try.mode, at(try.at))
		if authcore.CodeOf(err) != authcore.InvalidRefreshToken || !errors.Is(err, session.ErrOtherOrigin) {
			t.Errorf("a refresh of the child session %s: %v", what, err)
		}
	}
	if p.Origin != app || parent.Origin != "" {
		t.Errorf("the child session is good at %q, the parent at %q", p.Origin, parent.Origin)
	}
	if got, err := e.Sessions.Refresh(t.Context(), got.Refresh, authcore.ModeCookie, at(app)); err != nil || got.Session.Origin != app || got.Principal.Origin != app {
		t.Errorf("a refresh of the child session: %+v (%v)", got.Session, err)
	}
}

// A code opens one child session, for a minute, at its origin and for its browser, while its session lives.
func TestRedeem_Refused(t *testing.T) {
	e := open(t)
	verifier, code := e.issue(e.parent)
	good := handover.RedeemInput{Code: code, Verifier: verifier, Origin: app}
	for name, change := range map[string]func(*handover.RedeemInput){
		"no code":            func(s *handover.RedeemInput) { s.Code = "" },
		"a refresh token":    func(s *handover.RedeemInput) { s.Code = e.parent.Refresh },
		"a spoilt code":      func(s *handover.RedeemInput) { s.Code = s.Code[:20] + strings.ToUpper(s.Code[20:]) },
		"no verifier":        func(s *handover.RedeemInput) { s.Verifier = "" },
		"another host":       func(s *handover.RedeemInput) { s.Origin = "https://wiki.example.net" },
		"another scheme":     func(s *handover.RedeemInput) { s.Origin = "http://app.example.com" },
		"another port":       func(s *handover.RedeemInput) { s.Origin = app + ":8443" },
		"two words for both": func(s *handover.RedeemInput) { s.Origin = app + " " + handover.Challenge(verifier) },
	} {
		shown := good
		change(&shown)
		_, err := e.redeem(shown)
		if authcore.CodeOf(err) != authcore.InvalidCode {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.redeem(good); err != nil { // none of that has spent it
		t.Fatal(err)
	}
	_, err := e.redeem(good)
	testflow.WantCode(t, err, authcore.InvalidCode)

	// Somebody has the code but not the browser: nobody gets in by it any more.
	for _, wrong := range []func(verifier string) string{handover.Challenge, func(string) string { return handover.NewVerifier() }} {
		verifier, code = e.issue(e.parent)
		for _, v := range []string{wrong(verifier), verifier} {
			_, err = e.redeem(handover.RedeemInput{Code: code, Verifier: v, Origin: app})
			testflow.WantCode(t, err, authcore.InvalidCode)
		}
	}

	for _, weak := range []string{"", "guessed"} {
		code, err := e.Handover.Issue(t.Context(), &e.parent.Principal, app, e.ask(weak))
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.redeem(handover.RedeemInput{Code: code, Verifier: weak, Origin: app})
		testflow.WantCode(t, err, authcore.InvalidCode)
	}

	verifier, code = e.issue(e.parent)
	e.Clock.Advance(time.Minute)
	_, err = e.redeem(handover.RedeemInput{Code: code, Verifier: verifier, Origin: app})
	testflow.WantCode(t, err, authcore.InvalidCode)

	verifier, code = e.issue(e.parent)
	if err := e.Sessions.End(t.Context(), &e.parent.Principal, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	_, err = e.redeem(handover.RedeemInput{Code: code, Verifier: verifier, Origin: app})
	testflow.WantCode(t, err, authcore.InvalidCode)

}

// A host that is signed in stays the same account's: another one's code is refused there, and leaves no session.
func TestRedeem_AnotherAccountIsNotSwappedIn(t *testing.T) {
	e := open(t)
	bob := e.Person(t, signup.RegisterInput{Email: "bob@example.com", Username: "bob"})
	verifier, code := e.issue(bob)
	_, err := e.redeem(handover.RedeemInput{Code: code, Verifier: verifier, Origin: app, Account: e.parent.Account.ID})
	testflow.WantCode(t, err, authcore.InvalidCode)
	if list, err := e.Sessions.List(t.Context(), bob.Account.ID); err != nil || len(list) != 1 {
		t.Errorf("%d sessions (%v), want that of the sign-up alone", len(list), err)
	}
	verifier, code = e.issue(e.parent)
	if _, err := e.redeem(handover.RedeemInput{Code: code, Verifier: verifier, Origin: app, Account: e.parent.Account.ID}); err != nil {
		t.Errorf("the same account's: %v", err)
	}
}

// Asking again in one tab voids the code before; other tabs keep theirs.
func TestIssue_Again(t *testing.T) {
	e := open(t)
	verifier, first := e.issue(e.parent)
	otherVerifier, other := e.issue(e.parent)
	second, err := e.Handover.Issue(t.Context(), &e.parent.Principal, app, e.ask(verifier))
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.redeem(handover.RedeemInput{Code: first, Verifier: verifier, Origin: app})
	testflow.WantCode(t, err, authcore.InvalidCode)
	for code, verifier := range map[string]string{second: verifier, other: otherVerifier} {
		if _, err := e.redeem(handover.RedeemInput{Code: code, Verifier: verifier, Origin: app}); err != nil {
			t.Error(err)
		}
	}
}

// What ends is refused by this node's memory when the answer leaves, parent and child sessions alike.
func TestChild_Ends(t *testing.T) {
	for name, c := range map[string]struct {
		end                    func(e *env, first session.Tokens) error
		parent, child, sibling bool // dead afterwards
	}{
		"the parent's sign-out": {func(e *env, _ session.Tokens) error {
			return e.Sessions.End(e.Context(), &e.parent.Principal, testflow.Client())
		}, true, true, true},
		"a child session's sign-out": {func(e *env, first session.Tokens) error {
			return e.Sessions.EndByRefresh(e.Context(), first.Refresh, testflow.Client())
		}, false, true, false},
		"everywhere, by access token": {func(e *env, first session.Tokens) error {
			return e.Sessions.EndEverywhere(e.Context(), &first.Principal, testflow.Client())
		}, true, true, true},
		"everywhere, by refresh token": {func(e *env, first session.Tokens) error {
			return e.Sessions.EndEverywhereByRefresh(e.Context(), first.Refresh, testflow.Client())
		}, true, true, true},
		"a replay at the child session": {func(e *env, first session.Tokens) error { return e.replay(first, authcore.ModeCookie) }, false, true, false},
		"a replay at the parent":        {func(e *env, _ session.Tokens) error { return e.replay(e.parent, authcore.ModeBearer) }, true, true, true},
		"junk, everywhere": {func(e *env, _ session.Tokens) error {
			return e.Sessions.EndEverywhereByRefresh(e.Context(), "ghr_junk", testflow.Client())
		}, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t)
			first := e.child(e.parent)
			second := e.child(e.parent)
			if err := c.end(e, first); err != nil {
				t.Fatal(err)
			}
			got := [3]bool{e.dead(e.parent), e.dead(first), e.dead(second)}
			if got != [3]bool{c.parent, c.child, c.sibling} {
				t.Errorf("dead: parent, child session, sibling %v", got)
			}
		})
	}
}

func (e *env) replay(of session.Tokens, mode authcore.Mode) error {
	e.Helper()
	if _, err := e.Sessions.Refresh(e.Context(), of.Refresh, mode, at(of.Session.Origin)); err != nil {
		return err
	}
	e.Clock.Advance(session.Leeway)
	if _, err := e.Sessions.Refresh(e.Context(), of.Refresh, mode, at(of.Session.Origin)); authcore.CodeOf(err) != authcore.RefreshTokenReused {
		e.Errorf("a replay: %v", err)
	}
	return nil
}

// A code is issued to nobody but a host that has asked for it itself, for itself.
func TestIssue_Unasked(t *testing.T) {
	e := open(t)
	verifier := handover.NewVerifier()
	asked, challenge := e.ask(verifier), handover.Challenge(verifier)
	for name, c := range map[string]struct{ origin, words string }{
		"nothing":             {app, ""},
		"a challenge alone":   {app, challenge},
		"no proof":            {app, challenge + "."},
		"half a proof":        {app, asked[:len(asked)-4]},
		"a longer proof":      {app, asked + "A"},
		"the challenge twice": {app, challenge + "." + challenge},
		"another challenge":   {app, handover.Challenge("other") + asked[len(challenge):]},
		"another host":        {"https://wiki.example.net", asked},
		"another scheme":      {"http://app.example.com", asked},
		"another port":        {app + ":8443", asked},
		"no host":             {"", e.Handover.Ask(handover.AskInput{Challenge: challenge})},
		"no challenge":        {app, e.Handover.Ask(handover.AskInput{Origin: app})},
		"a short challenge":   {app, e.Handover.Ask(handover.AskInput{Origin: app, Challenge: "short"})},
	} {
		_, err := e.Handover.Issue(t.Context(), &e.parent.Principal, c.origin, c.words)
		if authcore.CodeOf(err) != authcore.InvalidRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.Handover.Issue(t.Context(), &e.parent.Principal, app, asked); err != nil {
		t.Error(err)
	}
}
