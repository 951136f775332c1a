package apidocs

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
)

//go:embed page.html start.js swagger-ui/swagger-ui-bundle.js.gz swagger-ui/swagger-ui.css.gz
var files embed.FS

// path of the page below the prefix.
const path = "/docs"

// policy is the content security policy of the page. Everything comes from here, nothing stands in the page itself, and
// the page can send to nobody but us. The style sheet holds its icons as data.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// Page serves the page and its files. It is safe for concurrent use.
type Page struct {
	html                 *template.Template
	files                map[string]file // by path below the prefix
	bundle, style, start string          // their paths
}

// New reads the files.
func New() (*Page, error) {
	p := &Page{files: map[string]file{}}
	var err error
	if p.html, err = template.ParseFS(files, "page.html"); err != nil {
		return nil, fmt.Errorf("read the page of the API: %w", err)
	}
	for _, f := range []struct {
		path               *string
		name, ending, kind string
	}{
		{&p.bundle, "swagger-ui/swagger-ui-bundle.js.gz", ".js", "text/javascript; charset=utf-8"},
		{&p.style, "swagger-ui/swagger-ui.css.gz", ".css", "text/css; charset=utf-8"},
		{&p.start, "start.js", ".js", "text/javascript; charset=utf-8"},
	} {
		if *f.path, err = p.add(f.name, f.ending, f.kind); err != nil {
			return nil, fmt.Errorf("read the page of the API: %w", err)
		}
	}
	return p, nil
}

// Has reports whether there is something to GET at a path below the prefix.
func (p *Page) Has(at string) bool {
	_, ok := p.files[at]
	return ok || at == path
}

// Serve answers a GET or HEAD of what [Page.Has]. The security headers of a document of Gatehouse are set already; Serve
// replaces the content security policy. prefix is where the API is, icon the address of an icon on this host.
func (p *Page) Serve(w http.ResponseWriter, r *http.Request, at, prefix, icon string) error {
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Del("Vary") // it is the same for everybody
	if f, ok := p.files[at]; ok {
		return f.serve(w, r)
	}
	var body bytes.Buffer
	err := p.html.Execute(&body, struct{ Icon, Style, Bundle, Start, Document string }{
		icon, prefix + p.style, prefix + p.bundle, prefix + p.start, prefix + "/openapi.json",
	})
	if err != nil {
		return fmt.Errorf("render the page of the API: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.Bytes()) // a client that has hung up cannot be told
	}
	return nil
}
