package httpauth

import (
	"net/http"

	"golang.org/x/text/language"
)

// languages are those that texts are written in. The first is that of everybody else.
var (
	languages = []language.Tag{language.English, language.German}
	matcher   = language.NewMatcher(languages)
)

// Languages returns the languages that texts are written in, as BCP 47 tags; the first is that of everybody else.
func Languages() []string {
	all := make([]string, len(languages))
	for i, tag := range languages {
		all[i] = tag.String()
	}
	return all
}

// MatchLanguage returns that of [Languages] which suits a BCP 47 tag best.
func MatchLanguage(tag string) string {
	_, best, _ := matcher.Match(language.Make(tag))
	return languages[best].String()
}

// maxAcceptLanguage is longer than what any browser sends. Reading more would be work that a stranger sets (D07).
const maxAcceptLanguage = 256

// Language returns the language to answer r in: the one of Gatehouse's that suits Accept-Language best, "en" where none
// does (RFC 9110 §12.5.4). Pages and mails take theirs from here, so that one request is answered in one language.
// What depends on it varies by Accept-Language.
func Language(r *http.Request) string {
	accept := r.Header.Get("Accept-Language")
	if accept == "" || len(accept) > maxAcceptLanguage {
		return languages[0].String()
	}
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return languages[0].String()
	}
	_, best, _ := matcher.Match(wanted...)
	return languages[best].String()
}
