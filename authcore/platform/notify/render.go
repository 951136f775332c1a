package notify

import (
	"embed"
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

// page is what the layouts lay out. Paragraphs and labels without words are "".
type page struct {
	Lang      string
	Brand     string
	Subject   string
	Name      string // of the reader; "" where it is not known, or not fit to be shown
	Greeting  string
	Before    string
	CodeLabel string
	Code      string
	LinkLabel string
	Link      string
	Button    string
	Paste     string
	Expiry    string
	// Of the link "This was not me", where Link is another.
	NotMe, NotMeLabel, NotMeButton string
	After                          string
	Cause                          []cause
	Footer                         string
}

type cause struct{ Label, Value string }

// render makes a letter of a message, without what only the worker knows.
func (n *Notifier) render(m authcore.Message) (Letter, error) {
	// It was checked when it was composed, perhaps by another release.
	if err := check(m); err != nil {
		return Letter{}, err
	}
	p, err := lay(m, n.head.Brand)
	if err != nil {
		return Letter{}, err
	}
	l := Letter{From: n.head.From, FromName: n.head.FromName, To: m.To, Kind: m.Kind, Subject: p.Subject, Lang: p.Lang}
	var html strings.Builder
	layout, _ := n.templates.of(m, p.Lang, ".html", htmlLayout)
	if err := layout.Execute(&html, p); err != nil {
		return Letter{}, err
	}
	l.HTML = html.String()
	p.Before, p.Expiry, p.After = wrap(p.Before), wrap(p.Expiry), wrap(p.After)
	var text strings.Builder
	layout, replaced := n.templates.of(m, p.Lang, ".txt", textLayout)
	if err := layout.Execute(&text, p); err != nil {
		return Letter{}, err
	}
	l.Text = text.String()
	if subject, body, found := cutSubject(l.Text); replaced && found {
		l.Subject, l.Text = subject, body
	}
	return l, nil
}

// lay puts the wording of a kind and the message together.
func lay(m authcore.Message, brand string) (page, error) {
	kind := kinds[m.Kind]
	v := wordings.voice(m.Lang, facts{Brand: brand, Name: plain(m.Name)})
	own := func(word string) string { return v.say(string(m.Kind) + "." + word) }
	p := page{
		Lang: v.lang, Brand: brand, Name: v.facts.Name, Subject: own("subject"), Greeting: v.say("mail.greeting"), Before: own("before"),
		After: own("after"), Footer: v.say("mail.footer"),
	}
	switch {
	case m.Link != "" && kind.security && !kind.link:
		p.Link, p.LinkLabel, p.Button, p.Paste = m.Link, v.say("mail.not_me"), v.say("mail.not_me_button"), v.say("mail.paste")
	case m.Link != "":
		p.Link, p.LinkLabel, p.Button, p.Paste = m.Link, own("link"), own("button"), v.say("mail.paste")
	}
	if m.NotMe != "" {
		p.NotMe, p.NotMeLabel, p.NotMeButton = m.NotMe, v.say("mail.not_me"), v.say("mail.not_me_button")
	}
	if v.facts.Name != "" {
		p.Greeting = v.say("mail.greeting_name")
	}
	if kind.code {
		p.CodeLabel, p.Code = own("code"), m.Code
	}
	if m.Expiry == 0 && m.LinkExpiry > 0 {
		v.facts.LinkExpiry = v.duration(m.LinkExpiry)
		p.Expiry = v.say("mail.expiry_link")
	}
	if m.Expiry > 0 {
		v.facts.Expiry = v.duration(m.Expiry)
		p.Expiry = v.say("mail.expiry")
		if m.LinkExpiry > m.Expiry {
			v.facts.LinkExpiry = v.duration(m.LinkExpiry)
			p.Expiry = v.say("mail.expiry_apart")
		}
	}
	if kind.cause {
		p.Cause = causes(m, v)
	}
	return p, v.err
}

func causes(m authcore.Message, v *voice) (cs []cause) {
	if !m.At.IsZero() {
		cs = append(cs, cause{v.say("mail.when"), m.At.UTC().Format(v.say("mail.time_layout"))})
	}
	if addr, err := netip.ParseAddr(m.Addr); err == nil {
		cs = append(cs, cause{v.say("mail.where"), addr.Unmap().WithZone("").String()})
	}
	if d := plain(m.Device); d != "" {
		cs = append(cs, cause{v.say("mail.device"), d})
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

// lineWidth is where lines of the text part end at the latest, in runes, if their words allow it.
const lineWidth = 76

// wrap breaks a paragraph into lines.
func wrap(s string) string {
	var out strings.Builder
	used := 0
	for i, word := range strings.Fields(s) {
		size := len([]rune(word))
		switch {
		case i == 0:
		case used+1+size > lineWidth:
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
