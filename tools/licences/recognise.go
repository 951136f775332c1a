package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/gatehouse-auth/gatehouse/tools/modlist"
)

// licenceFile matches the names that licence texts have.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([-_.].*)?$`)

// beside are files that look like licence texts and are of nothing that is compiled, by module and name.
var beside = map[string]string{
	"modernc.org/memory LICENSE-LOGO": "the address of a picture in the documentation",
}

// licencesOf returns the licences of a module, sorted: of its root and of each folder that is compiled, for parts that
// were taken from elsewhere keep theirs beside them.
func licencesOf(m modlist.Module) ([]string, error) {
	folders := map[string]bool{}
	for dir := range m.Dirs {
		for ; strings.HasPrefix(dir, m.Dir); dir = filepath.Dir(dir) {
			folders[dir] = true
		}
	}
	found := map[string]bool{}
	for dir := range folders {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("looking for licences of %s: %w", m.Path, err)
		}
		for _, e := range entries {
			if e.IsDir() || !licenceFile.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") || beside[m.Path+" "+e.Name()] != "" {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, fmt.Errorf("reading a licence of %s: %w", m.Path, err)
			}
			for _, name := range recognise(string(text)) {
				found[name] = true
			}
		}
	}
	var names []string
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// sign is a licence and the sentences by which its text is known. All of with must stand there, none of without.
type sign struct {
	name          string
	with, without []string
}

const (
	bsd    = "redistribution and use in source and binary forms with or without modification are permitted"
	isc    = "permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted"
	notice = "provided that the above copyright notice and this permission notice appear in all copies"
)

// signs are ordered: what an earlier one is known by may mention a later one (MPL-2.0 names the GPL).
var signs = []sign{
	{"MPL-2.0", []string{"mozilla public license version 2 0"}, nil},
	{"Apache-2.0", []string{"apache license version 2 0 january 2004", "terms and conditions for use reproduction and distribution"}, nil},
	{"Apache-2.0", []string{"licensed under the apache license version 2 0 the license"}, []string{"apache license version 2 0 january 2004"}},
	{"MIT", []string{
		"permission is hereby granted free of charge to any person obtaining a copy of this software and associated documentation files",
		"the software is provided as is without warranty of any kind",
	}, nil},
	{"BSD-3-Clause", []string{bsd, "may be used to endorse or promote products derived from this software without specific prior written permission"}, nil},
	{"BSD-2-Clause", []string{bsd, "in binary form must reproduce the above copyright notice"}, []string{"endorse or promote products"}},
	{"ISC", []string{isc, notice}, nil},
	{"ISC", []string{strings.Replace(isc, "and or distribute", "and distribute", 1), notice}, nil},
	{"0BSD", []string{isc}, []string{notice}},
	{"CC0-1.0", []string{"cc0 1 0 universal"}, nil},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}, nil},
	{"Public-Domain", []string{"has been dedicated to the public domain by the authors"}, nil},
	{"Zlib", []string{"this notice may not be removed or altered from any source distribution"}, nil},
}

// foreign are words of licences that ask for more, or of clauses that take away what the text before them grants. They
// win over every sign but MPL-2.0's, whose text speaks of the GPL.
var foreign = []sign{
	{"AGPL", []string{"gnu affero general public license"}, nil},
	{"LGPL", []string{"gnu lesser general public license"}, nil},
	{"GPL", []string{"gnu general public license"}, nil},
	{"SSPL", []string{"server side public license"}, nil},
	{"BUSL", []string{"business source license"}, nil},
	{"Commons-Clause", []string{"commons clause"}, nil},
	{"EUPL", []string{"european union public licence"}, nil},
	{"CC-BY", []string{"creative commons attribution"}, nil},
	{"non-commercial", []string{"non commercial use"}, nil},
}

// unknown stands for a licence text that no sign matches.
const unknown = "unknown"

// recognise returns the licences of a text: one, or several where the file holds several.
func recognise(text string) []string {
	plain := normalise(text)
	if signs[0].matches(plain) {
		return []string{signs[0].name}
	}
	var names []string
	for _, s := range slices.Concat(foreign, signs) {
		if s.matches(plain) && !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
	}
	if len(names) == 0 {
		return []string{unknown}
	}
	return names
}

func (s sign) matches(plain string) bool {
	in := func(sentence string) bool { return strings.Contains(plain, sentence) }
	return !slices.ContainsFunc(s.with, func(x string) bool { return !in(x) }) && !slices.ContainsFunc(s.without, in)
}

// normalise leaves the words: lower case, one blank between, without punctuation and comment marks.
func normalise(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return strings.Join(words, " ")
}
