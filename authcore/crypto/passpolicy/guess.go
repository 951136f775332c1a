package passpolicy

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	minWord    = 3   // shorter context words are in every other password
	maxWords   = 64  // context words that are looked at
	maxWord    = 256 // bytes of one that are looked at
	maxGuessed = 72  // characters that the estimate looks at: its work grows faster than the length
)

// contextWords returns the given words in lower case, whole and in their parts ("ada",
// "lovelace" and "example" of an address), the longest first.
func contextWords(lists ...[]string) []string {
	var words []string
	add := func(w string) {
		if utf8.RuneCountInString(w) >= minWord && len(words) < maxWords && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	for _, list := range lists {
		for _, text := range list {
			if len(text) > maxWord {
				text = strings.ToValidUTF8(text[:maxWord], "")
			}
			text = strings.ToLower(norm.NFC.String(strings.TrimSpace(text)))
			add(text)
			for _, part := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
				add(part)
			}
		}
	}
	slices.SortStableFunc(words, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return words
}

// mostlyContext tells whether a password is made of context words but for less than half
// of the least length, not counting what merely separates words.
func (p *Policy) mostlyContext(folded string, words []string) bool {
	rest := folded
	for _, w := range words {
		rest = strings.ReplaceAll(rest, w, "")
	}
	if len(rest) == len(folded) {
		return false
	}
	left := 0
	for _, r := range rest {
		if !unicode.IsSpace(r) && !unicode.IsPunct(r) {
			left++
		}
	}
	return left < p.MinLength()/2
}

// repeats tells whether a password is a shorter text, itself too short, again and again:
// "adminadminadmin", "aaaa…".
func (p *Policy) repeats(folded string) bool {
	runes := []rune(folded)
	for period := 1; period < p.MinLength() && 2*period <= len(runes); period++ {
		if slices.Equal(runes[period:], runes[:len(runes)-period]) {
			return true
		}
	}
	return false
}

// guessable returns the zxcvbn score of a password, 0 to 4: the worse of the text as it
// is and of the text with its usual substitutions of letters undone.
func guessable(password string, words []string) int {
	text := ascii(password)
	plainWords := make([]string, len(words))
	for i, w := range words {
		plainWords[i] = ascii(w)
	}
	score := estimate(text, plainWords)
	if plain := unleet.Replace(text); plain != text {
		score = min(score, estimate(plain, plainWords))
	}
	return score
}

// unleet undoes the most usual substitutions, each in one way only.
var unleet = strings.NewReplacer("4", "a", "@", "a", "8", "b", "3", "e", "6", "g", "1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t", "+", "t")

// ascii returns the first characters of a password as one byte each, which is what the
// estimate can count: accents are dropped, and a letter of another script becomes some
// ASCII character, always the same one.
func ascii(password string) string {
	text := make([]byte, 0, maxGuessed)
	for _, r := range norm.NFD.String(password) {
		switch {
		case len(text) == maxGuessed:
			return string(text)
		case unicode.Is(unicode.Mn, r):
		case r < utf8.RuneSelf:
			text = append(text, byte(r))
		default:
			text = append(text, '!'+byte(r%94))
		}
	}
	return string(text)
}
