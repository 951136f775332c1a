package caddymodule

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// TestDialect_PathsOfOthers_JSON: a configuration that is no Caddyfile is judged too, when it is provisioned.
func TestDialect_PathsOfOthers_JSON(t *testing.T) {
	const file = "{\n\tadmin off\n\tgatehouse {\n\t\tdata_dir %s\n\t}\n}\nhttp://localhost {\n\tgatehouse\n\tgatehouse_dialect simplejwt\n\tgatehouse_dialect simplejwt /other\n}\n" +
		"http://127.0.0.1 {\n\tgatehouse_dialect simplejwt\n}\n"
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(strings.Replace(file, "%s", t.TempDir(), 1)), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, complaint := range map[string]string{
		"/other":    "",
		"/api":      "gatehouse_dialect simplejwt: the path /api/token/ is that of gatehouse_dialect simplejwt at Caddyfile:9 too",
		"/auth/api": "gatehouse_dialect simplejwt: the prefix /auth/api is that of gatehouse too",
	} {
		var cfg caddy.Config
		if err := caddy.StrictUnmarshalJSON([]byte(strings.Replace(string(config), `"/other"`, `"`+prefix+`"`, 1)), &cfg); err != nil {
			t.Fatal(err)
		}
		err := caddy.Validate(&cfg)
		if (complaint == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: got %v, want %q", prefix, err, complaint)
		}
	}
}

// TestDialect_PathsOfOthers: what two directives of a site both serve is an error at adapt, which says where both stand; other sites may have the
// same.
func TestDialect_PathsOfOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ directives, complaint string }{
		"one path twice":           {"gatehouse_dialect constance_jwt\n\tgatehouse_dialect simplejwt {\n\t\tpath obtain /api/login/\n\t}", "gatehouse_dialect simplejwt: the path /api/login/ is that of gatehouse_dialect constance_jwt at Caddyfile:5 too; give one of them another prefix, at Caddyfile:6"},
		"a dialect twice":          {"gatehouse_dialect simplejwt\n\tgatehouse_dialect simplejwt", "the path /api/token/ is that of gatehouse_dialect simplejwt at Caddyfile:5 too"},
		"a page":                   {"gatehouse_dialect constance_jwt {\n\t\tadmin /admin/\n\t}\n\tgatehouse_dialect simplejwt {\n\t\tpath obtain /admin\n\t}", "the path /admin/ is that of gatehouse_dialect constance_jwt at Caddyfile:5 too"},
		"a parameter":              {"gatehouse_dialect drf_users /api\n\tgatehouse_dialect simplejwt", "gatehouse_dialect simplejwt: the path /api/token/ is that of gatehouse_dialect drf_users at Caddyfile:5 too"},
		"a path at a parameter":    {"gatehouse_dialect simplejwt {\n\t\tpath obtain /users/token\n\t}\n\tgatehouse_dialect drf_users /users", "gatehouse_dialect drf_users: the path /users/{number}/ is that of gatehouse_dialect simplejwt at Caddyfile:5 too"},
		"the portal's prefix":      {"gatehouse\n\tgatehouse_dialect simplejwt /auth", "gatehouse_dialect simplejwt: the prefix /auth is that of gatehouse at Caddyfile:5 too; give one of them another prefix, for example gatehouse /id, at Caddyfile:6"},
		"below the portal":         {"gatehouse\n\tgatehouse_dialect simplejwt /auth/api", "the prefix /auth/api is that of gatehouse"},
		"the portal below":         {"gatehouse /api/auth\n\tgatehouse_dialect simplejwt", "the prefix /api is that of gatehouse"},
		"a path below the portal":  {"gatehouse\n\tgatehouse_dialect simplejwt {\n\t\tpath obtain /auth/token/\n\t}", "the path /auth/token is that of gatehouse"},
		"the portal comes later":   {"gatehouse_dialect simplejwt /auth\n\tgatehouse", "gatehouse: the prefix /auth is that of gatehouse_dialect simplejwt at Caddyfile:5 too"},
		"beside":                   {"gatehouse\n\tgatehouse_dialect simplejwt\n\tgatehouse_dialect drf_users /users\n\tgatehouse_dialect constance_jwt", ""},
		"the portal elsewhere":     {"gatehouse /id\n\tgatehouse_dialect simplejwt /auth", ""},
		"a prefix like the portal": {"gatehouse\n\tgatehouse_dialect simplejwt /authentication", ""},
		"another site":             {"gatehouse\n\tgatehouse_dialect simplejwt\n}\nhttp://127.0.0.1 {\n\tgatehouse_dialect simplejwt", ""},
	} {
		file := "{\n\tgatehouse\n}\nhttp://localhost {\n\t" // the directives begin in line 5
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(file+c.directives+"\n}\n"), map[string]any{"filename": "Caddyfile"})
		switch {
		case c.complaint == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.complaint != "" && (err == nil || !strings.Contains(err.Error(), c.complaint)):
			t.Errorf("%s: got %v, want %q", name, err, c.complaint)
		}
	}
}
