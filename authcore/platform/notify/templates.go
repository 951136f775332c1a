package notify

import (
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Templates replace how mails of a kind and language are laid out. The zero value replaces none. It may be used concurrently.
type Templates struct {
	layouts map[string]layout // by the name of the file
}

// layout lays out one part of a mail.
type layout interface {
	Execute(w io.Writer, data any) error
}

// subjectLine begins a text template that has a subject of its own.
const subjectLine = "Subject:"

// ReadTemplates reads the files <kind>.<lang>.txt and <kind>.<lang>.html of a folder; other files are left alone. A text may begin with
// a line "Subject: …" and an empty one. Both are Go templates, of text/template and html/template, over the fields of page.
//
// Every template is tried, with everything that a mail of its kind can say and with as little as it can. An error says in which file and
// line: a template that cannot be read or run, a kind or language that there is not, and a text that leaves out what the mail is for, its
// code and its link.
func ReadTemplates(folder fs.FS) (Templates, error) {
	t := Templates{layouts: map[string]layout{}}
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return t, err
	}
	for _, e := range entries {
		if ext := path.Ext(e.Name()); e.IsDir() || ext != ".txt" && ext != ".html" || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		text, err := fs.ReadFile(folder, e.Name())
		if err != nil {
			return t, err
		}
		if err := t.add(e.Name(), string(text)); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (t Templates) add(file, text string) error {
	name := strings.Split(file, ".")
	kind, known := authcore.MailKind(name[0]), false
	if _, known = kinds[kind]; !known || len(name) != 3 {
		return fmt.Errorf("%s: a template is named <kind>.<lang>.txt or .html, and there is no such kind of mail", file)
	}
	if !slices.Contains(languages(), name[1]) {
		return fmt.Errorf("%s: mails are written in %s, not in %s", file, strings.Join(languages(), " and "), name[1])
	}
	l, err := parse(file, text)
	if err != nil {
		return err
	}
	t.layouts[file] = l
	for _, m := range samples(kind, name[1]) {
		if err := t.try(file, m); err != nil {
			return err
		}
	}
	return nil
}

// parse reads a template. What it says of an error has the place in the form file:line.
func parse(file, text string) (l layout, err error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if path.Ext(file) == ".html" {
		l, err = htmltemplate.New(file).Option("missingkey=error").Parse(text)
	} else {
		l, err = texttemplate.New(file).Option("missingkey=error").Parse(text)
	}
	return l, placed(err, file, text)
}

// try renders a sample of the kind and checks that it says what it has to.
func (t Templates) try(file string, m authcore.Message) error {
	p, err := lay(m, "Example")
	if err != nil {
		return err
	}
	var out strings.Builder
	if err := t.layouts[file].Execute(&out, p); err != nil {
		return placed(err, file, "")
	}
	text := out.String()
	if subject, body, found := cutSubject(text); path.Ext(file) == ".txt" && found {
		if subject == "" || !printable(subject, maxLine) {
			return fmt.Errorf("%s:1: the subject is not one line", file)
		}
		text = body
	}
	for what, value := range map[string]string{".Code": p.Code, ".Link": p.Link} {
		if value != "" && !strings.Contains(text, value) {
			return fmt.Errorf("%s:1: the template does not show {{%s}}, which a mail of this kind is for", file, what)
		}
	}
	return nil
}

// samples are messages of a kind: one with everything in it, and one with as little as it can have.
func samples(kind authcore.MailKind, lang string) []authcore.Message {
	all := authcore.Message{Kind: kind, To: "ada@example.com", Lang: lang, Name: "Ada", Addr: "192.0.2.7", Device: "Firefox, Linux",
		At: time.Unix(0, 0), Expiry: 10 * time.Minute, LinkExpiry: time.Hour}
	least := authcore.Message{Kind: kind, To: "ada@example.com", Lang: lang}
	if kinds[kind].code {
		all.Code, least.Code = "314159", "314159"
	}
	if kinds[kind].security || wordings.has(string(kind)+".link") {
		all.Link = "https://auth.example.com/auth/page?token=x-_9"
	}
	return []authcore.Message{all, least}
}

// cutSubject separates a subject line from the text behind the empty line that follows it.
func cutSubject(text string) (subject, body string, found bool) {
	first, rest, _ := strings.Cut(text, "\n")
	subject, found = strings.CutPrefix(first, subjectLine)
	if !found {
		return "", text, false
	}
	return strings.TrimSpace(subject), strings.TrimPrefix(rest, "\n"), true
}

// place is how both packages of templates begin their errors, "template: name:line:column:" and "html/template:name:line:column:".
var place = regexp.MustCompile(`^(?:html/template|template): ?[^:]+(?::(\d+))?(?::\d+)?: `)

// placed begins an error of a template with file and line: the last one for what is missing at its end.
func placed(err error, file, text string) error {
	if err == nil {
		return nil
	}
	said := err.Error()
	line := strconv.Itoa(1 + strings.Count(strings.TrimSuffix(text, "\n"), "\n"))
	if m := place.FindStringSubmatch(said); m != nil {
		said = strings.TrimPrefix(said, m[0])
		if m[1] != "" {
			line = m[1]
		}
	}
	return fmt.Errorf("%s:%s: %s", file, line, said)
}

// languages are those that mails are written in.
func languages() (tags []string) {
	for _, tag := range wordings.tags {
		tags = append(tags, tag.String())
	}
	return tags
}

// of returns the layout for a part of a mail, ours unless it is replaced.
func (t Templates) of(m authcore.Message, lang, ext string, ours layout) (l layout, replaced bool) {
	if l, ok := t.layouts[string(m.Kind)+"."+lang+ext]; ok {
		return l, true
	}
	return ours, false
}
