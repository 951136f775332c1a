package portal_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// A setting is changed with its reason, shown with its history, and goes back to the Caddyfile; what is out of range says what it may be.
func TestConsole_Settings(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAdmin)
	b.get("/console/settings").want(http.StatusOK).says("access_lifetime", "5m", "Default", "Change it in the Caddyfile")
	const at = "/console/settings/access_lifetime"
	b.get(at).want(http.StatusOK).says("1s-1d", "Not given", "It was never changed here").silent("Back to the Caddyfile")
	b.post(at, []string{"value", "25h", "reason", "why not"}).want(http.StatusUnprocessableEntity).says("1s-1d", "25h", "why not")
	b.post(at, []string{"value", "60s", "reason", "stolen laptops"}).leads("/auth" + at + "?done=setting_changed")
	b.get(at+"?done=setting_changed").want(http.StatusOK).says("The setting is changed.", "Set while running", "1m", "stolen laptops", "Back to the Caddyfile", "The value is 5m again")
	b.post(at, []string{"reset", "yes"}).leads("/auth" + at + "?done=setting_reset")
	b.get(at).want(http.StatusOK).says("5m", "stolen laptops").silent("Back to the Caddyfile")
	b.get("/console/settings/otp.attempts").want(http.StatusOK).says("Change it in the Caddyfile").silent(`method="post"`)
	b.post("/console/settings/otp.attempts", []string{"value", "3"}).want(http.StatusConflict)
	b.get("/console/settings/data_dir").want(http.StatusNotFound)
	b.get("/console/events?kind=settings.*").want(http.StatusOK).says("settings.changed", "settings.reset", email)
}

// S17: who sees and may not change gets no form for it, and a form that is sent all the same changes nothing.
func TestS17_AuditorsChangeNoSetting(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAuditor)
	const at = "/console/settings/access_lifetime"
	b.get(at).want(http.StatusOK).says("1s-1d").silent(`method="post"`)
	b.post(at, []string{"value", "1m"}).want(http.StatusForbidden)
	b.get(at).want(http.StatusOK).says("It was never changed here")
	b.get("/console/keys").want(http.StatusOK).says("Signs").silent(`method="post"`, "Retired")
	b.post("/console/keys", nil).want(http.StatusForbidden)
	b.get("/console/keys").want(http.StatusOK).silent("Retired")
}

// Keys are rotated after the page has said what will happen; nobody is signed out by it, and an event tells who did it.
func TestConsole_Keys(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAdmin)
	b.get("/console/keys").want(http.StatusOK).says("Next", "Signs", "Nobody is signed out").silent("Retired")
	b.post("/console/keys", nil).leads("/auth/console/keys?done=keys_rotated")
	b.get("/console/keys?done=keys_rotated").want(http.StatusOK).says("The next keys sign now.", "Retired")
	b.get("/console/events?kind=admin.signing_keys.rotate").want(http.StatusOK).says(email)
}
