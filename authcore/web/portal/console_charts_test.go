package portal_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
)

// The charts add up what the hours have counted, and say the same in a table.
func TestConsole_Charts(t *testing.T) {
	h := open(t)
	b := h.browser().as(authcore.RoleAdmin)
	b.get("/console").want(http.StatusOK).says("Nothing has been counted yet")
	hour := h.Clock.Now().UTC().Truncate(time.Hour)
	at := func(ago int, name, result, method string, n int64) stats.Figure {
		return stats.Figure{Hour: hour.Add(time.Duration(-ago) * time.Hour), Name: name, Labels: stats.Labels{Result: result, Method: method}, N: n}
	}
	err := h.Store.SaveFigures(t.Context(), []stats.Figure{
		at(0, stats.SignIns, "success", "password", 30), at(0, stats.SignIns, "success", "passkey", 10), at(0, stats.SignIns, "invalid_credentials", "password", 9),
		at(0, stats.SignIns, "account_locked", "password", 1), at(0, stats.AccountsCreated, "", "", 3), at(0, stats.SessionsActive, "", "", 77),
		at(1, stats.SessionsActive, "", "", 70), at(1, stats.AccountsCreated, "", "", 4), at(30, stats.AccountsCreated, "", "", 1000),
	})
	if err != nil {
		t.Fatal(err)
	}
	day := b.get("/console").want(http.StatusOK).says("Passkey")
	legend := func(a *answer, name string) string {
		t.Helper()
		found := regexp.MustCompile(`</svg>` + name + ` <strong>(\d+)</strong>`).FindStringSubmatch(a.body)
		if found == nil {
			t.Fatalf("no series %s in %s", name, a.body)
		}
		return found[1]
	}
	for name, want := range map[string]string{"Successful": "40", "Failed": "10", "Password": "30", "Passkey": "10", "Active sessions": "77", "New accounts": "7"} {
		if got := legend(day, name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := legend(b.get("/console?span=week").want(http.StatusOK), "New accounts"); got != "1007" {
		t.Errorf("%s new accounts in a week", got)
	}
	if !strings.Contains(day.body, `height="80.00"`) || !strings.Contains(day.body, `y="20.00"`) { // 40 of 50
		t.Errorf("the columns are of another height: %s", day.body)
	}
	if rows := strings.Count(day.body, `<td role="cell" data-label="New accounts">`); rows != 24 {
		t.Errorf("the table has %d rows", rows)
	}
}
