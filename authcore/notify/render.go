package notify

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"net/netip"
	"regexp"
	"strings"
	texttemplate "text/template"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

//go:embed templates/mail.txt templates/mail.html
var layouts embed.FS

var (
	textLayout = texttemplate.Must(texttemplate.ParseFS(layouts, "templates/mail.txt"))
	htmlLayout = htmltemplate.Must(htmltemplate.ParseFS(layouts, "templates/mail.html"))
)

// facts is what the wording may mention.
type facts struct {
	Brand  string
	Name   string
	Expiry string
}

// page is what the layouts lay out.
type page struct {
	Language  string
	Brand     string
	Subject   string
	Greeting  string
	Before    []string
	CodeLabel string
	Code      string
	LinkLabel string
	Link      string
	After     []string
	Cause     []cause
}

type cause struct{ Label, Value string }

// render makes a letter of a message, without what only the worker knows.
func (n *Notifier) render(m authcore.Message) (Letter, error) {
	// It was checked when it was composed, perhaps by another release.
	if err := check(m); err != nil {
		return Letter{}, err
	}
	p, err := lay(m, english, n.brand)
	if err != nil {
		return Letter{}, err
	}
	l := Letter{From: n.from, To: m.To, Subject: p.Subject}
	var html strings.Builder
	if err := htmlLayout.Execute(&html, p); err != nil {
		return Letter{}, err
	}
	l.HTML = html.String()
	wrapAll(p.Before)
	wrapAll(p.After)
	var text strings.Builder
	if err := textLayout.Execute(&text, p); err != nil {
		return Letter{}, err
	}
	l.Text = text.String()
	return l, nil
}

// lay puts the wording of a kind and the message together.
func lay(m authcore.Message, in language, brand string) (page, error) {
	w := in.kinds[m.Kind]
	f := facts{Brand: brand, Name: plain(m.Name)}
	if m.Expiry > 0 {
		f.Expiry = in.duration(m.Expiry)
	}
	greeting := in.greeting
	if f.Name != "" {
		greeting = in.greetingName
	}
	p := page{Language: in.tag, Brand: brand, Link: m.Link, CodeLabel: w.codeLabel, LinkLabel: w.linkLabel}
	if w.codeLabel != "" { // other kinds have no use for a code and show none
		p.Code = m.Code
	}
	var err error
	fill := func(s string) string {
		t, e := texttemplate.New("").Option("missingkey=error").Parse(s)
		var out strings.Builder
		if e == nil {
			e = t.Execute(&out, f)
		}
		if e != nil && err == nil {
			err = fmt.Errorf("wording of %s: %w", m.Kind, e)
		}
		return out.String()
	}
	p.Subject, p.Greeting = fill(w.subject), fill(greeting)
	for _, s := range w.before {
		p.Before = append(p.Before, fill(s))
	}
	for _, s := range w.after {
		p.After = append(p.After, fill(s))
	}
	if w.showCause {
		p.Cause = causes(m, in)
	}
	return p, err
}

func causes(m authcore.Message, in language) (cs []cause) {
	if !m.At.IsZero() {
		cs = append(cs, cause{in.when, m.At.UTC().Format(in.timeLayout)})
	}
	if addr, err := netip.ParseAddr(m.Addr); err == nil {
		cs = append(cs, cause{in.where, addr.Unmap().WithZone("").String()})
	}
	if d := plain(m.Device); d != "" {
		cs = append(cs, cause{in.device, d})
	}
	return cs
}

// linkLike is what mail programs turn into something to click or call.
var linkLike = regexp.MustCompile(`[/\\@:]|\.\pL|\d\.\d+\.\d|(?i:www)|\d{4}`)

// plain returns text of a user if it can do nothing but be read, else "". Whoever
// registers with a stranger's address chooses what that stranger's greeting says: it
// must not hold a link of theirs, another line, or digits that look like a code.
func plain(s string) string {
	s = strings.TrimSpace(s)
	if !printable(s, 200) || linkLike.MatchString(s) {
		return ""
	}
	return s
}

func wrapAll(paragraphs []string) {
	for i, p := range paragraphs {
		paragraphs[i] = wrap(p, 76)
	}
}

// wrap breaks a paragraph into lines of at most width runes where its words allow it.
func wrap(s string, width int) string {
	var out strings.Builder
	used := 0
	for i, word := range strings.Fields(s) {
		size := len([]rune(word))
		switch {
		case i == 0:
		case used+1+size > width:
			out.WriteByte('\n')
			used = 0
		default:
			out.WriteByte(' ')
			used++
		}
		out.WriteString(word)
		used += size
	}
	return out.String()
}
