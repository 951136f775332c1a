package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
)

//go:embed assets/*
var assetFiles embed.FS

// assets is the templates, and the files that they load.
type assets struct {
	templates map[string]*template.Template
	files     map[string]file   // by path below the prefix
	css, icon string            // their paths
	sheets    map[string]string // the paths of the style sheets that single templates have besides, by template
}

type file struct {
	kind string
	body []byte
}

// readAssets reads the layout, and beside the template of a [View] those of pages.
func readAssets(pages fs.FS) (*assets, error) {
	a := &assets{templates: map[string]*template.Template{}, files: map[string]file{}, sheets: map[string]string{}}
	names, err := fs.Glob(pages, "*.html")
	if err != nil {
		return nil, fmt.Errorf("read templates of the pages: %w", err)
	}
	for _, name := range append(names, viewTemplate) {
		from := pages
		if name == viewTemplate {
			from = assetFiles
			name = "assets/" + name
		}
		t, err := template.ParseFS(assetFiles, "assets/layout.html", "assets/parts.html")
		if err == nil {
			t, err = t.ParseFS(from, name)
		}
		if err != nil {
			return nil, fmt.Errorf("read templates of the pages: %w", err)
		}
		a.templates[path.Base(name)] = t
	}
	if a.css, err = a.add("style.css", ".css", "text/css; charset=utf-8"); err != nil {
		return nil, err
	}
	if a.sheets["console.html"], err = a.add("console.css", ".css", "text/css; charset=utf-8"); err != nil {
		return nil, err
	}
	a.icon, err = a.add("icon.svg", ".svg", "image/svg+xml")
	return a, err
}

// add serves a file under a name that changes with its content, so that browsers may keep it for ever.
func (a *assets) add(name, ending, kind string) (string, error) {
	body, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		return "", fmt.Errorf("read files of the pages: %w", err)
	}
	sum := sha256.Sum256(body)
	at := "/static/" + hex.EncodeToString(sum[:8]) + ending
	a.files[at] = file{kind, body}
	return at, nil
}

// HasAsset reports whether a path below the prefix is a file that pages load.
func (k *Kit) HasAsset(at string) bool {
	_, ok := k.assets.files[at]
	return ok
}

// ServeAsset answers with such a file.
func (q *Request) ServeAsset(at string) {
	w, f, h := q.W, q.assets.files[at], q.W.Header()
	h.Del("Vary")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", f.kind)
	h.Set("Content-Length", strconv.Itoa(len(f.body)))
	w.WriteHeader(http.StatusOK)
	if q.R.Method != http.MethodHead {
		_, _ = w.Write(f.body)
	}
}

// frame is what every template gets.
type frame struct {
	*Texts
	Brand, Home, CSS, Icon string
	Sheets                 []string // besides CSS
	Title                  string
	View                   any
}

// Say is T for templates.
func (f frame) Say(id string) string { return f.T(id) }

// viewTemplate is that of a page which is a [View] and no more.
const viewTemplate = "view.html"

// Icon returns the address of the icon.
func (q *Request) Icon() string { return q.Path(q.assets.icon) }

// draw answers with a page. It is rendered in full first: a template that fails leaves no half page behind.
func (q *Request) draw(name, title string, view any) error {
	var body bytes.Buffer
	status := http.StatusOK
	if q.Problem != nil { // the title is what a screen reader reads first
		title, status = q.T("error.prefix")+": "+title, q.Problem.Status
	}
	f := frame{Texts: q.Texts, Brand: q.Brand, Home: q.Home(), CSS: q.Path(q.assets.css), Icon: q.Icon(), Title: title, View: view}
	if sheet := q.assets.sheets[name]; sheet != "" {
		f.Sheets = []string{q.Path(sheet)}
	}
	err := q.assets.templates[name].ExecuteTemplate(&body, "layout.html", f)
	if err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	h := q.W.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", q.Lang)
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	q.W.WriteHeader(status)
	if q.R.Method != http.MethodHead {
		_, _ = q.W.Write(body.Bytes()) // a client that has hung up cannot be told
	}
	return nil
}
