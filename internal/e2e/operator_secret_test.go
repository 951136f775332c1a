package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// longSecret is a secret made of a word.
func longSecret(word string) string { return strings.Repeat(word+"-", 12) }

// secretPlan is a plan over Postgres whose secrets are in these environment variables.
func secretPlan(names ...string) plan {
	return plan{global: twoIssuer + "\t\tdatabase {env.TEST_DATABASE}\n\t\tsecret {env." + strings.Join(names, "} {env.") + "}\n",
		env: []string{"OLD=" + longSecret("old"), "NEW=" + longSecret("new")}}
}

// TestSecretRotate_Option goes through the steps that docs/operations.md gives for several nodes. Nobody is signed out at
// any of them, and at the end the old secret opens nothing.
func TestSecretRotate_Option(t *testing.T) {
	t.Parallel()
	p := secretPlan("OLD")
	a := startOn(t, p)
	both := secretPlan("OLD", "NEW")
	b := nodeBeside(t, both, a.database)
	u, browser := a.newUser(t), a.newBrowser(t)
	everybody := func() {
		t.Helper()
		for _, g := range []*gateway{a, b} {
			g.signedIn(t, u)
			g.signedIn(t, browser)
		}
	}
	everybody()
	// A lock stands under a key of its own, and holds over the change.
	for range 5 {
		a.api(t, "POST", "/login", object{"login": "locked@example.com", "password": "wrong password 1"})
	}
	a.mustReload(t, both)
	everybody()
	for _, g := range []*gateway{a, b} {
		g.mustReload(t, secretPlan("NEW", "OLD"))
		everybody()
	}
	a.mustWrite(t, secretPlan("NEW", "OLD"))
	if said := a.operatorJSON(t, "secret", "rotate"); said["keys"] != 5.0 {
		t.Errorf("the command says %v", said)
	}
	everybody()
	if said := a.operatorJSON(t, "secret", "rotate"); said["keys"] != 0.0 || said["mails"] != 0.0 {
		t.Errorf("done again: %v", said)
	}
	for _, g := range []*gateway{a, b} {
		g.mustReload(t, secretPlan("NEW"))
		everybody()
	}
	a.mustWrite(t, secretPlan("NEW"))
	a.Kill()
	a.client.CloseIdleConnections()
	a.restart(t)
	everybody()
	a.api(t, "POST", "/login", object{"login": "locked@example.com", "password": password}).want(t, 429, "account_locked")
	late := a.newUser(t) // a mail that was sealed and sent under the new secret
	a.signedIn(t, late)

	old := secretPlan("OLD")
	old.failing = true
	refused := nodeBeside(t, old, a.database)
	if err := refused.WaitExit(t); err == nil || !strings.Contains(refused.logs(), "secret") {
		t.Errorf("a node with the old secret ends with %v", err)
	}
}

// TestSecretRotate_File: the secret that the gateway made for itself is replaced, while it runs and while it does not.
func TestSecretRotate_File(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	path := filepath.Join(g.Dir, "data", "secret")
	u, browser := g.newUser(t), g.newBrowser(t)
	for _, stopped := range []bool{false, true} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if stopped {
			g.terminate(t)
			g.client.CloseIdleConnections()
		}
		said := g.operatorJSON(t, "secret", "rotate")
		after, err := os.ReadFile(path)
		if err != nil || string(after) == string(before) || strings.Contains(string(after), strings.TrimSpace(string(before))) {
			t.Errorf("stopped %t: the file holds what it held (%v)", stopped, err)
		}
		if said["keys"] != 5.0 || said["file"] != path {
			t.Errorf("stopped %t: the command says %v", stopped, said)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file is %v (%v)", info.Mode(), err)
		}
		if !stopped {
			g.signedIn(t, u)
			g.newUser(t)
			g.mustReload(t, plan{})
			g.signedIn(t, browser)
			g.terminate(t)
			g.client.CloseIdleConnections()
		}
		g.restart(t)
		g.signedIn(t, u)
		g.signedIn(t, browser)
		// What was there before opens nothing.
		g.terminate(t)
		g.client.CloseIdleConnections()
		if err := os.WriteFile(path, before, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, errs, code := g.Command(t, "keys", "rotate", "--config", "Caddyfile"); code == 0 {
			t.Errorf("the old secret opens the keys: %s %s", out, errs)
		}
		if err := os.WriteFile(path, after, 0o600); err != nil {
			t.Fatal(err)
		}
		g.restart(t)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(g.logs(), strings.TrimSpace(string(text))) {
		t.Errorf("the secret is in the log (%v)", err)
	}
}

// TestSecretReset: with the secret lost there is a way on: accounts and passwords stay, everybody is signed out.
func TestSecretReset(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u, browser := g.newUser(t), g.newBrowser(t)
	path := filepath.Join(g.Dir, "data", "secret")
	reset := []string{"secret", "reset", "--sign-everyone-out"}
	if _, errs, code := g.Command(t, append(reset, "--config", "Caddyfile")...); code != 4 || !strings.Contains(errs, "Stop every gateway") {
		t.Errorf("beside a gateway that runs it ends with %d: %s", code, errs)
	}
	g.terminate(t)
	g.client.CloseIdleConnections()
	if _, errs, code := g.Command(t, append(reset, "--config", "Caddyfile")...); code != 4 || !strings.Contains(errs, "nothing is lost") {
		t.Errorf("with the right secret it ends with %d: %s", code, errs)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := g.Launch(); err != nil {
		t.Fatal(err)
	}
	if err := g.WaitExit(t); err == nil || !strings.Contains(g.logs(), "gatehouse secret reset") {
		t.Errorf("without its secret the gateway ends with %v, and says nothing of a way on", err)
	}
	if _, errs, code := g.Command(t, "secret", "reset", "--config", "Caddyfile"); code != 2 || !strings.Contains(errs, "--sign-everyone-out") {
		t.Errorf("without saying so it ends with %d: %s", code, errs)
	}
	if said := g.operatorJSON(t, reset...); said["keys"] != 5.0 || said["sessions"] != 2.0 {
		t.Errorf("the command says %v", said)
	}
	g.restart(t)
	for _, s := range []*user{u, browser} {
		g.signedOut(t, s)
	}
	g.signedIn(t, g.signIn(t, u, false))
	g.newUser(t)
}

// TestSecretReset_ManyAtOnce: of many resets one takes effect, the others say why they do not, and what is in the database
// opens with what is in the file.
func TestSecretReset_ManyAtOnce(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	g.terminate(t)
	g.client.CloseIdleConnections()
	if err := os.Remove(filepath.Join(g.Dir, "data", "secret")); err != nil {
		t.Fatal(err)
	}
	type end struct {
		said string
		code int
	}
	ends := make(chan end)
	many := soak.N(6, 40)
	for range many {
		go func() {
			_, errs, code := g.Command(t, "secret", "reset", "--sign-everyone-out", "--config", "Caddyfile")
			ends <- end{errs, code}
		}()
	}
	won := 0
	for range many {
		e := <-ends
		switch {
		case e.code == 0:
			won++
		case !strings.Contains(e.said, "in use by another gatehouse process") && !strings.Contains(e.said, "nothing is lost"):
			t.Errorf("it ends with %d: %s", e.code, e.said)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d resets took effect", won, many)
	}
	g.restart(t)
	g.signedIn(t, g.signIn(t, u, false))
}
