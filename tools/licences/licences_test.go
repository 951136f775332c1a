package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tools/modlist"
)

const (
	mitText = `Permission is hereby granted, free of charge, to any person obtaining a copy
// of this software and associated documentation files (the "Software"), to deal
The software is provided "as is", without warranty of any kind, express or implied`
	bsd2Text = `Redistribution and use in source and binary forms, with or without modification, are permitted provided that:
2. Redistributions in binary form must reproduce the above copyright notice`
	bsd3Text = bsd2Text + `
Neither the name of X nor its contributors may be used to endorse or promote products derived from
this software without specific prior written permission.`
	iscText = `Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby
granted, provided that the above copyright notice and this permission notice appear in all copies.`
	apacheText = `Apache License
   Version 2.0, January 2004
   TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION`
)

func TestRecognise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want []string
	}{
		{mitText, []string{"MIT"}},
		{bsd2Text, []string{"BSD-2-Clause"}},
		{bsd3Text, []string{"BSD-3-Clause"}},
		{iscText, []string{"ISC"}},
		{iscText[:strings.Index(iscText, ", provided")], []string{"0BSD"}},
		{apacheText, []string{"Apache-2.0"}},
		{"Licensed under the Apache License, Version 2.0 (the \"License\");", []string{"Apache-2.0"}},
		{apacheText + "\n---\n" + mitText, []string{"Apache-2.0", "MIT"}},
		{"Mozilla Public License Version 2.0 ... or the GNU General Public License, Version 2.0", []string{"MPL-2.0"}},
		{"Creative Commons Legal Code\nCC0 1.0 Universal", []string{"CC0-1.0"}},
		{"This is free and unencumbered software released into the public domain.", []string{"Unlicense"}},
		{"3. This notice may not be removed or altered from any source distribution.", []string{"Zlib"}},
		{"GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3", []string{"AGPL"}},
		{"GNU General Public License version 3", []string{"GPL"}},
		{"Business Source License 1.1", []string{"BUSL"}},
		{"\"Commons Clause\" License Condition v1.0\n" + mitText, []string{"Commons-Clause", "MIT"}},
		{"All rights reserved.", []string{unknown}},
		{"", []string{unknown}},
	} {
		if got := recognise(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%.60q: %v, want %v", c.text, got, c.want)
		}
	}
	for _, s := range foreign {
		if slices.Contains(allowed, s.name) {
			t.Errorf("%s is allowed", s.name)
		}
	}
}

// module writes a module with the files and returns it with its root and the folder sub compiled.
func module(t *testing.T, files map[string]string) modlist.Module {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return modlist.Module{Path: "example.org/m", Version: "v1.0.0", Dir: dir, Dirs: map[string]bool{dir: true, filepath.Join(dir, "sub"): true}}
}

func TestModulesOf(t *testing.T) {
	t.Parallel()
	const code = "package sub\n"
	for _, c := range []struct {
		name    string
		files   map[string]string
		licence string
		problem string
	}{
		{"one", map[string]string{"LICENSE": mitText, "sub/a.go": code}, "MIT", ""},
		{"British and with an ending", map[string]string{"LICENCE.md": bsd3Text, "sub/a.go": code}, "BSD-3-Clause", ""},
		{"of a part", map[string]string{"LICENSE": apacheText, "sub/LICENSE": bsd3Text, "sub/a.go": code}, "Apache-2.0 AND BSD-3-Clause", ""},
		{"of what is not compiled", map[string]string{"LICENSE": mitText, "other/COPYING": "GNU General Public License", "sub/a.go": code}, "MIT", ""},
		{"of a part, not allowed", map[string]string{"LICENSE": mitText, "sub/COPYING": "GNU General Public License", "sub/a.go": code}, "GPL AND MIT", "GPL is not"},
		{"none", map[string]string{"README": "MIT", "sub/a.go": code}, "", "no licence file"},
		{"not known", map[string]string{"LICENSE": "ask us", "sub/a.go": code}, unknown, "unknown is not"},
		{"code with that name", map[string]string{"license.go": "package m\n", "LICENSE": mitText, "sub/a.go": code}, "MIT", ""},
	} {
		parts, problems, err := modulesOf(&modlist.Build{Modules: []modlist.Module{module(t, c.files)}})
		if err != nil || len(parts) != 1 || parts[0].Licence != c.licence {
			t.Errorf("%s: %v, %v", c.name, parts, err)
		}
		if all := strings.Join(problems, "\n"); (all == "") != (c.problem == "") || !strings.Contains(all, c.problem) {
			t.Errorf("%s: %q, want %q", c.name, all, c.problem)
		}
	}
}

func TestOthers(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "x.js"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{
		`[]`: 0,
		`[{"name":"x","version":"1","licence":"MIT","use":"tests","path":"x.js"}]`:    0,
		`[{"name":"x","version":"1","licence":"GPL","use":"tests","path":"x.js"}]`:    1,
		`[{"name":"x","version":"1","licence":"MIT","use":"tests","path":"gone.js"}]`: 1,
		`[{"name":"x","version":"1","licence":"MIT","use":"tests"}]`:                  1,
	} {
		if _, problems, err := readOthers(root, []byte(text)); err != nil || len(problems) != want {
			t.Errorf("%s: %v, %v", text, problems, err)
		}
	}
}

// TestThisTree runs the check as lint does, but for whether the document is current: that is lint's to say.
func TestThisTree(t *testing.T) {
	t.Parallel()
	problems, err := run("../..", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !strings.HasPrefix(p, document) {
			t.Error(p)
		}
	}
	b, err := modlist.Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"github.com/caddyserver/caddy/v2", "github.com/inconshreveable/mousetrap", "github.com/chromedp/chromedp"} {
		at := slices.IndexFunc(b.Modules, func(m modlist.Module) bool { return m.Path == want })
		if at < 0 || b.Modules[at].Tests != strings.HasSuffix(want, "chromedp") {
			t.Errorf("%s: at %d of the list", want, at)
		}
	}
	if !b.Std["net/http"] || b.Toolchain == "" {
		t.Errorf("Go %q, with net/http: %v", b.Toolchain, b.Std["net/http"])
	}
}
