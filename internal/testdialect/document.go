package testdialect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
)

// described is an error where the document of a site does not say that a call answers like this. Methods that a path does not have are in no
// document, and neither is what leads browsers to pages.
func described(site *dialect.Site, r *http.Request, w *httptest.ResponseRecorder) error {
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]any
		}
	}
	if err := json.Unmarshal(dialect.Document(site), &doc); err != nil {
		return err
	}
	for path, methods := range doc.Paths {
		if !fits(path, r.URL.Path) {
			continue
		}
		call, found := methods[strings.ToLower(r.Method)]
		if _, told := call.Responses[strconv.Itoa(w.Code)]; found && !told && w.Code/100 != 3 {
			return fmt.Errorf("%s %s answered %d, which the document does not say", r.Method, path, w.Code)
		}
		kind := w.Header().Get("Content-Type")
		if found && w.Body.Len() > 0 && kind != "application/json" {
			return fmt.Errorf("%s %s answered %q", r.Method, path, kind)
		}
		return nil
	}
	return nil
}

// fits reports whether a path is one of a template's, with or without the final slash.
func fits(template, path string) bool {
	want, got := strings.Split(strings.Trim(template, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && !strings.HasPrefix(want[i], "{") {
			return false
		}
	}
	return true
}
