package page

import "testing"

func TestRoutes_Find(t *testing.T) {
	t.Parallel()
	show := func(*Request) error { return nil }
	routes, err := NewRoutes(Route{Path: "/console/users/new", Show: show}, Route{Path: "/console/users/{id}", Show: show},
		Route{Path: "/console/users/{id}/factors/{fid}", Show: show})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]map[string]string{
		"/console/users/new":           {},
		"/console/users/17":            {"id": "17"},
		"/console/users/17/factors/ab": {"id": "17", "fid": "ab"},
		"/console/users/":              nil,
		"/console/users":               nil,
		"/console/users/17/":           nil,
		"/console/users/17/x/ab":       nil,
	} {
		to, ok := routes.Find(path)
		if ok != (want != nil) || ok && to.Path != path || len(to.params) != len(want) {
			t.Errorf("%s: %v %v", path, to.params, ok)
		}
		for name, value := range want {
			if to.params[name] != value {
				t.Errorf("%s: %v", path, to.params)
			}
		}
	}
}
