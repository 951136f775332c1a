package portal

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
)

//go:embed pages/*.html pages/style.css pages/icon.svg
var pageFiles embed.FS

// look is the templates, and the files that they load.
type look struct {
	templates map[string]*template.Template
	files     map[string]file // by path below the prefix
	css, icon string          // their paths
}

type file struct {
	kind string
	body []byte
}

func newLook() (*look, error) {
	l := &look{templates: map[string]*template.Template{}, files: map[string]file{}}
	for _, name := range []string{"card", "account"} {
		t, err := template.ParseFS(pageFiles, "pages/layout.html", "pages/parts.html", "pages/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("read templates of the pages: %w", err)
		}
		l.templates[name] = t
	}
	var err error
	if l.css, err = l.add("style.css", ".css", "text/css; charset=utf-8"); err != nil {
		return nil, err
	}
	l.icon, err = l.add("icon.svg", ".svg", "image/svg+xml")
	return l, err
}

// add serves a file under a name that changes with its content, so that browsers may keep it for ever.
func (l *look) add(name, ending, kind string) (string, error) {
	body, err := pageFiles.ReadFile("pages/" + name)
	if err != nil {
		return "", fmt.Errorf("read files of the pages: %w", err)
	}
	sum := sha256.Sum256(body)
	path := "/static/" + hex.EncodeToString(sum[:8]) + ending
	l.files[path] = file{kind, body}
	return path, nil
}

func (l *look) has(path string) bool {
	_, ok := l.files[path]
	return ok
}

func (l *look) serve(w http.ResponseWriter, r *http.Request, path string) {
	f, h := l.files[path], w.Header()
	h.Del("Vary")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", f.kind)
	h.Set("Content-Length", strconv.Itoa(len(f.body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.body)
	}
}

// frame is what every template gets.
type frame struct {
	*words
	Brand, Home, CSS, Icon string
	Title                  string
	Card                   any
}

// Say is t for templates.
func (f frame) Say(id string) string { return f.t(id) }

// draw answers with a page. It is rendered in full first: a template that fails leaves no half page behind.
func (v *visit) draw(name string, c sheet) error {
	var body bytes.Buffer
	title := c.title()
	if v.problem != nil { // the title is what a screen reader reads first
		title = v.t("error.prefix") + ": " + title
	}
	err := v.look.templates[name].ExecuteTemplate(&body, "layout.html", frame{
		words: v.words, Brand: v.cfg.Brand, Home: v.home(), CSS: v.here(v.look.css), Icon: v.here(v.look.icon),
		Title: title, Card: c,
	})
	if err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	v.w.WriteHeader(v.status())
	if v.r.Method != http.MethodHead {
		_, _ = v.w.Write(body.Bytes()) // a client that has hung up cannot be told
	}
	return nil
}

// sheet is the content of a page.
type sheet interface{ title() string }
