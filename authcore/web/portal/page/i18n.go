package page

import (
	"embed"
	"fmt"
	"sync"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

//go:embed texts/*.toml
var textFiles embed.FS

// languages are those of texts/, the first for everybody else.
var languages = []string{"en", "de"}

// readTexts returns the texts of each language.
func readTexts() (map[string]*Texts, error) {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	for _, lang := range languages {
		if _, err := bundle.LoadMessageFileFS(textFiles, "texts/active."+lang+".toml"); err != nil {
			return nil, fmt.Errorf("read texts of the pages: %w", err)
		}
	}
	all := make(map[string]*Texts, len(languages))
	for _, lang := range languages {
		all[lang] = &Texts{Lang: lang, localizer: i18n.NewLocalizer(bundle, lang)}
	}
	return all, nil
}

func (k *Kit) textsIn(lang string) *Texts {
	if t, ok := k.languages[httpauth.MatchLanguage(lang)]; ok {
		return t
	}
	return k.languages[languages[0]]
}

// LanguageName returns what a language, as a BCP 47 tag, is called by those who speak it.
func (k *Kit) LanguageName(lang string) string { return k.textsIn(lang).T("language.name") }

// Texts are every text of the pages in one language.
type Texts struct {
	Lang      string // BCP 47
	localizer *i18n.Localizer
}

// T returns a text. pairs are name and value in turn of what the text has places for.
func (x *Texts) T(id string, pairs ...any) string {
	return x.localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: data(pairs)})
}

// Count returns a text about n things, which it calls N.
func (x *Texts) Count(id string, n int) string {
	return x.localize(&i18n.LocalizeConfig{MessageID: id, PluralCount: n, TemplateData: map[string]any{"N": n}})
}

// Rule returns the text of a broken rule: in English where the language has none.
func (x *Texts) Rule(broken authcore.FieldError) string {
	id := "rule." + string(broken.Rule)
	switch {
	case !x.Has(id):
		return broken.Error()
	case broken.Params.Text != "":
		return x.T(id, "Text", broken.Params.Text)
	case broken.Params.N > 0:
		return x.Count(id, broken.Params.N)
	}
	return x.T(id)
}

func (x *Texts) localize(c *i18n.LocalizeConfig) string {
	text, err := x.localizer.Localize(c)
	if err != nil && text == "" {
		return c.MessageID // a test sees to it that there is none without a text
	}
	return text
}

// Has reports whether there is a text of this id.
func (x *Texts) Has(id string) bool {
	text, err := x.localizer.Localize(&i18n.LocalizeConfig{MessageID: id})
	return err == nil && text != ""
}

func data(pairs []any) map[string]any {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

// English returns the texts in English, for programs that say the same as a page.
var English = sync.OnceValues(func() (*Texts, error) {
	all, err := readTexts()
	if err != nil {
		return nil, err
	}
	return all[languages[0]], nil
})
