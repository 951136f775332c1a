package passpolicy

import (
	"encoding/json"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/ccojocar/zxcvbn-go/adjacency"
	"github.com/ccojocar/zxcvbn-go/data"
	"github.com/ccojocar/zxcvbn-go/entropy"
	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/scoring"
)

// The matchers are those of zxcvbn-go (MIT License, copyright Nathan Button), whose own package unpacks its words in
// every process that imports it, needed or not: 8 MiB and a third of the processor time of a start. Here they are unpacked
// when the first password is judged. A test compares the two, all but dates: the library overlooks one at the end. Its search for substitutions is left out: it takes seconds
// for 22 chosen characters, as each pair of readings doubles its work.

// estimate returns the zxcvbn score of a text in ASCII, 0 to 4.
func estimate(text string, words []string) int {
	own := make(map[string]int, len(words))
	for i, w := range words {
		own[strings.ToLower(w)] = i + 1
	}
	matches := append(dictionary(text, own), dictionary(text, ranks())...)
	for _, name := range []string{"qwerty", "dvorak", "keypad", "macKeypad"} {
		matches = append(matches, walks(text, adjacency.GraphMap[name])...)
	}
	matches = append(append(append(matches, runs(text)...), repeated(text)...), dates(text)...)
	sort.Sort(match.Matches(matches))
	return scoring.MinimumEntropyMatchSequence(text, matches).Score
}

// ranks returns by word the place in that list where it stands first.
var ranks = sync.OnceValue(func() map[string]int {
	all := make(map[string]int, 90_000)
	for _, name := range []string{"English", "FemaleNames", "MaleNames", "Passwords", "Surnames"} {
		text, err := data.Asset("data/" + name + ".json")
		var words struct{ List []string }
		if err == nil {
			err = json.Unmarshal(text, &words)
		}
		if err != nil {
			panic("passpolicy: the embedded list " + name + " is damaged: " + err.Error()) // unreachable: tested
		}
		for i, w := range words.List {
			if w = strings.ToLower(w); all[w] == 0 || all[w] > i+1 {
				all[w] = i + 1
			}
		}
	}
	return all
})

// dictionary finds ranked words.
func dictionary(text string, ranked map[string]int) (found []match.Match) {
	lower := strings.ToLower(text)
	for i := range lower {
		for j := i; j < len(lower); j++ {
			if rank := ranked[lower[i:j+1]]; rank > 0 {
				m := match.Match{Pattern: "dictionary", I: i, J: j, Token: text[i : j+1]}
				m.Entropy = entropy.DictionaryEntropy(m, float64(rank))
				found = append(found, m)
			}
		}
	}
	return found
}

// walks finds neighbours on a keyboard, three at least.
func walks(text string, keys adjacency.Graph) (found []match.Match) {
	for i := 0; i < len(text)-1; {
		j, last, turns, shifted := i+1, -99, 0, 0
		for ; j < len(text); j++ {
			direction, level := step(keys.Graph[text[j-1:j]], text[j])
			if direction < 0 {
				break
			}
			if level == 1 {
				shifted++
			}
			if direction != last {
				turns, last = turns+1, direction
			}
		}
		if j-i > 2 {
			m := match.Match{Pattern: "spatial", I: i, J: j - 1, Token: text[i:j], DictionaryName: keys.Name}
			m.Entropy = entropy.SpatialEntropy(m, turns, shifted)
			found = append(found, m)
		}
		i = j
	}
	return found
}

// step returns in which direction a character lies, and on which level of its key; negative where it is no neighbour.
func step(neighbours []string, char byte) (direction, level int) {
	for direction, key := range neighbours {
		if level := strings.IndexByte(key, char); level >= 0 {
			return direction, level
		}
	}
	return -1, -1
}

// runs finds three or more that follow each other in an alphabet, forwards or backwards.
func runs(text string) (found []match.Match) {
	for i := 0; i < len(text); {
		j := i + 1
		for name, alphabet := range map[string]string{"lower": "abcdefghijklmnopqrstuvwxyz", "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "digits": "0123456789"} {
			place := func(at int) int { return strings.IndexByte(alphabet, text[at]) }
			if j == len(text) || place(i) < 0 || place(j) < 0 {
				continue
			}
			way := place(j) - place(i)
			if way != 1 && way != -1 {
				continue
			}
			for j < len(text) && place(j)-place(j-1) == way {
				j++
			}
			if j-i > 2 {
				m := match.Match{Pattern: "sequence", I: i, J: j - 1, Token: text[i:j], DictionaryName: name}
				m.Entropy = entropy.SequenceEntropy(m, len(alphabet), way == 1)
				found = append(found, m)
			}
			break
		}
		i = j
	}
	return found
}

// repeated finds one character three times or more.
func repeated(text string) (found []match.Match) {
	for i := 0; i < len(text); {
		j := i + 1
		for j < len(text) && strings.EqualFold(text[j:j+1], text[i:i+1]) {
			j++
		}
		if j-i > 2 {
			m := match.Match{Pattern: "repeat", I: i, J: j - 1, Token: text[i:j]}
			m.Entropy = entropy.RepeatEntropy(m)
			found = append(found, m)
		}
		i = j
	}
	return found
}

var (
	yearLast  = regexp.MustCompile(`(\d{1,2})[\s\-/\\_.](\d{1,2})([\s\-/\\_.])(19\d{2}|200\d|201\d|\d{2})`)
	yearFirst = regexp.MustCompile(`(19\d{2}|200\d|201\d|\d{2})[\s\-/\\_.](\d{1,2})([\s\-/\\_.])(\d{1,2})`)
	digits    = regexp.MustCompile(`\d{4,8}`)
)

// dates finds dates with separators, and digits that may be one.
func dates(text string) (found []match.Match) {
	add := func(day, month, year, separator string, at []int) {
		d, errDay := strconv.ParseInt(day, 10, 16)
		m, errMonth := strconv.ParseInt(month, 10, 16)
		y, errYear := strconv.ParseInt(year, 10, 16)
		if 12 <= m && m <= 31 && d <= 12 {
			d, m = m, d
		}
		if errDay != nil || errMonth != nil || errYear != nil || d > 31 || m > 12 || y > 99 && y < 1900 || y > 2025 {
			return
		}
		cost := entropy.DateEntropy(match.DateMatch{Separator: separator, Year: y})
		found = append(found, match.Match{Pattern: "date", I: at[0], J: at[1] - 1, Token: text[at[0]:at[1]], Entropy: cost})
	}
	for _, at := range yearLast.FindAllStringSubmatchIndex(text, -1) {
		part := func(n int) string { return text[at[2*n]:at[2*n+1]] }
		add(part(2), part(1), part(4), part(3), at)
	}
	for _, at := range yearFirst.FindAllStringSubmatchIndex(text, -1) {
		part := func(n int) string { return text[at[2*n]:at[2*n+1]] }
		add(part(2), part(4), part(1), part(3), at)
	}
	for _, at := range digits.FindAllStringIndex(text, -1) {
		v := text[at[0]:at[1]]
		for _, y := range [][2]int{{0, 2}, {len(v) - 2, len(v)}, {0, 4}, {len(v) - 4, len(v)}} {
			rest := v[:y[0]] + v[y[1]:]
			for cut := 1; cut <= 2 && cut < len(rest); cut++ {
				if len(rest)-cut <= 2 {
					add(rest[:cut], rest[cut:], v[y[0]:y[1]], "", at)
				}
			}
		}
	}
	return found
}
