package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
)

// Block rules in the console: added, listed with where they come from, tried and removed.
func TestConsole_Blocks(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAdmin)
	b.get("/console/blocks").want(http.StatusOK).says("There is no block rule", "/auth/console/blocks/new")
	rule := []string{"kind", "email", "pattern", "*@spam.example", "for", "signup login", "expires_in", "3600", "reason", "a wave of bots"}
	b.post("/console/blocks/new", []string{"kind", "ip", "pattern", "300.1.1.1", "for", "signup"}).want(http.StatusUnprocessableEntity).says("300.1.1.1")
	b.post("/console/blocks/new", rule).leads("/auth/console/blocks?done=block_added")
	list := b.get("/console/blocks?done=block_added").want(http.StatusOK).says("*@spam.example", "sign-up, sign-in", "Added here", "a wave of bots", "The rule has been added.")
	if !strings.Contains(list.body, `class="act"`) {
		t.Error("nothing leads to the removal")
	}
	b.get("/console/blocks?kind=email&value=X@SPAM.example").want(http.StatusOK).says("Rules that match", "a wave of bots", "Remove filters")
	b.get("/console/blocks?kind=email&value=x@fine.example").want(http.StatusOK).says("No rule matches").silent("a wave of bots")
	b.get("/console/blocks?kind=ip&value=nobody").want(http.StatusUnprocessableEntity)
	one := strings.TrimPrefix(href(list, ">*@spam.example</a>"), "/auth")
	b.get(one).want(http.StatusOK).says("a wave of bots", "The rule stops on every node")
	b.get("/console/blocks/none").want(http.StatusNotFound)
	b.post("/console/blocks/none", []string{"id", "x"}).want(http.StatusNotFound)
	b.post(one, []string{}).leads("/auth/console/blocks?done=block_removed")
	b.get(one).want(http.StatusNotFound)
	for kind, want := range map[authcore.EventKind]int{authcore.EventAdminBlocksCreate: 2, authcore.EventAdminBlocksDelete: 1} {
		if n := b.told(kind); n != want {
			t.Errorf("%d events %s, want %d", n, kind, want)
		}
	}
}

// S17: an auditor sees a rule, and neither a form nor the page of a new one.
func TestS17_AuditorsChangeNoBlocks(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAuditor)
	made, err := b.BlockRules.Add(b.Context(), block.AddInput{Kind: "ip", Pattern: "192.0.2.128/25"})
	if err != nil {
		t.Fatal(err)
	}
	one := "/console/blocks/" + made.ID.String()
	b.get("/console/blocks").want(http.StatusOK).says("192.0.2.128/25").silent(`class="act"`, "/console/blocks/new")
	b.get(one).want(http.StatusOK).says("192.0.2.128/25").silent(`method="post"`)
	b.post(one, []string{}).want(http.StatusForbidden)
	b.get("/console/blocks/new").want(http.StatusForbidden)
	b.post("/console/blocks/new", []string{"kind", "email", "pattern", "x@fine.example", "for", "signup"}).want(http.StatusForbidden)
	b.get("/console/blocks").says("192.0.2.128/25").silent("fine.example")
}
