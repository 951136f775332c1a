package portal

import (
	"embed"
	"fmt"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

//go:embed texts/*.toml
var textFiles embed.FS

// languages are those of texts/, the first for everybody else.
var languages = []string{"en", "de"}

// speech is every word of the pages.
type speech struct{ words map[string]*words }

func newSpeech() (*speech, error) {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	s := &speech{words: map[string]*words{}}
	for _, lang := range languages {
		if _, err := bundle.LoadMessageFileFS(textFiles, "texts/active."+lang+".toml"); err != nil {
			return nil, fmt.Errorf("read texts of the pages: %w", err)
		}
	}
	for _, lang := range languages {
		s.words[lang] = &words{Lang: lang, localizer: i18n.NewLocalizer(bundle, lang)}
	}
	return s, nil
}

func (s *speech) to(lang string) *words {
	if w, ok := s.words[lang]; ok {
		return w
	}
	return s.words[languages[0]]
}

// words are the texts in one language.
type words struct {
	Lang      string // BCP 47
	localizer *i18n.Localizer
}

// t returns a text. pairs are name and value in turn of what the text has places for.
func (w *words) t(id string, pairs ...any) string {
	return w.localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: data(pairs)})
}

// count returns a text about n things, which it calls N.
func (w *words) count(id string, n int) string {
	return w.localize(&i18n.LocalizeConfig{MessageID: id, PluralCount: n, TemplateData: map[string]any{"N": n}})
}

// rule returns the text of a broken rule: in English where the language has none.
func (w *words) rule(broken authcore.FieldError) string {
	id := "rule." + string(broken.Rule)
	switch {
	case !w.has(id):
		return broken.Error()
	case broken.Params.N > 0:
		return w.count(id, broken.Params.N)
	}
	return w.t(id)
}

func (w *words) localize(c *i18n.LocalizeConfig) string {
	text, err := w.localizer.Localize(c)
	if err != nil && text == "" {
		return c.MessageID // a test sees to it that there is none without a text
	}
	return text
}

// has reports whether there is a text of this id.
func (w *words) has(id string) bool {
	text, err := w.localizer.Localize(&i18n.LocalizeConfig{MessageID: id})
	return err == nil && text != ""
}

func data(pairs []any) map[string]any {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}
