package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/gatehouse-auth/gatehouse/tools/modlist"
)

// stdlib is the name that the Go vulnerability database has for the standard library.
const stdlib = "stdlib"

// database is osv.json.
type database struct {
	Source  string  `json:"source"`
	AsOf    string  `json:"as_of"` // the last day that the collection looked at
	Entries []entry `json:"entries"`

	asOf time.Time
}

// entry is what an OSV record of the Go vulnerability database says of one module.
type entry struct {
	ID      string   `json:"id"`
	Aliases []string `json:"aliases,omitempty"`
	Module  string   `json:"module"` // or "stdlib"
	// Ranges are the affected versions, without "v", in rising order.
	Ranges []affected `json:"ranges"`
	// Packages are the import paths that are affected; none means the whole module.
	Packages []string `json:"packages,omitempty"`
	Summary  string   `json:"summary"`
}

// affected is one range: from Introduced ("0" for the first version) up to, not with, Fixed ("" for no fix).
type affected struct {
	Introduced string `json:"introduced"`
	Fixed      string `json:"fixed,omitempty"`
}

// acceptance is a finding that stands.
type acceptance struct {
	ID     string `json:"id"`
	Module string `json:"module"`
	Reason string `json:"reason"`
}

func readDatabase(data []byte) (*database, error) {
	db := &database{}
	if err := strictJSON(data, db); err != nil {
		return nil, fmt.Errorf("reading osv.json: %w", err)
	}
	var err error
	if db.asOf, err = time.Parse(time.DateOnly, db.AsOf); err != nil {
		return nil, fmt.Errorf("reading osv.json: as_of: %w", err)
	}
	seen := map[string]bool{}
	for _, e := range db.Entries {
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("reading osv.json: %s: %w", e.ID, err)
		}
		if key := e.ID + " " + e.Module; seen[key] {
			return nil, fmt.Errorf("reading osv.json: %s stands there twice", key)
		} else {
			seen[key] = true
		}
	}
	return db, nil
}

func (e entry) check() error {
	switch {
	case !strings.HasPrefix(e.ID, "GO-") && !strings.HasPrefix(e.ID, "GHSA-") && !strings.HasPrefix(e.ID, "CVE-"):
		return errors.New("the id is of no known form")
	case e.Module == "" || e.Summary == "":
		return errors.New("module and summary are needed")
	case len(e.Ranges) == 0:
		return errors.New("no range is affected")
	}
	last := "v0.0.0-0"
	for i, r := range e.Ranges {
		from, to := canonical(r.Introduced), canonical(r.Fixed)
		switch {
		case r.Introduced != "0" && !semver.IsValid(from), r.Fixed != "" && !semver.IsValid(to):
			return fmt.Errorf("range %d: not a version", i)
		case r.Introduced != "0" && semver.Compare(from, last) < 0, r.Introduced == "0" && i > 0:
			return fmt.Errorf("range %d: begins before the one before it ends", i)
		case r.Fixed == "" && i < len(e.Ranges)-1:
			return fmt.Errorf("range %d: only the last may be open", i)
		case r.Fixed != "" && r.Introduced != "0" && semver.Compare(from, to) >= 0:
			return fmt.Errorf("range %d: fixed before it begins", i)
		}
		last = to
	}
	return nil
}

// readAccepted returns the acceptances by ID and module. Each needs a reason and a known entry.
func readAccepted(data []byte, db *database) (map[string]acceptance, error) {
	var list []acceptance
	if err := strictJSON(data, &list); err != nil {
		return nil, fmt.Errorf("reading accepted.json: %w", err)
	}
	out := map[string]acceptance{}
	for _, a := range list {
		known := slices.ContainsFunc(db.Entries, func(e entry) bool { return e.ID == a.ID && e.Module == a.Module })
		if !known || len(strings.Fields(a.Reason)) < 5 {
			return nil, fmt.Errorf("reading accepted.json: %s in %s: it is no entry of osv.json, or its reason is none", a.ID, a.Module)
		}
		out[a.ID+" "+a.Module] = a
	}
	return out, nil
}

func strictJSON(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// finding is a compiled module with a known vulnerability.
type finding struct {
	entry
	version string
}

func (f finding) key() string { return f.ID + " " + f.Module }

func (f finding) String() string {
	fixed := "no release is without it"
	for _, r := range f.Ranges {
		if r.holds(f.version) && r.Fixed != "" {
			fixed = "fixed in " + r.Fixed
		}
	}
	return fmt.Sprintf("%s %s: %s %s (%s)", f.Module, strings.TrimPrefix(canonical(f.version), "v"), f.ID, f.Summary, fixed)
}

// scan returns the findings, sorted by module and ID.
func (db *database) scan(b *modlist.Build) []finding {
	var out []finding
	for _, e := range db.Entries {
		if e.Module == stdlib {
			if e.affects(b.Toolchain, b.Std) {
				out = append(out, finding{e, b.Toolchain})
			}
			continue
		}
		for _, m := range b.Modules {
			if m.Path == e.Module && e.affects(m.Version, m.Packages) {
				out = append(out, finding{e, m.Version})
			}
		}
	}
	slices.SortFunc(out, func(x, y finding) int { return strings.Compare(x.Module+" "+x.ID, y.Module+" "+y.ID) })
	return out
}

// affects reports whether the version is affected and one of the affected packages is compiled. A module without a
// version (a local replacement) is taken as affected: nobody can tell.
func (e entry) affects(version string, packages map[string]bool) bool {
	compiled := len(e.Packages) == 0 || slices.ContainsFunc(e.Packages, func(p string) bool { return packages[p] })
	return compiled && slices.ContainsFunc(e.Ranges, func(r affected) bool { return r.holds(version) })
}

func (r affected) holds(version string) bool {
	v := canonical(version)
	if !semver.IsValid(v) {
		return true
	}
	return (r.Introduced == "0" || semver.Compare(v, canonical(r.Introduced)) >= 0) &&
		(r.Fixed == "" || semver.Compare(v, canonical(r.Fixed)) < 0)
}

// canonical writes versions of modules ("v1.2.3", "1.2.3") and of Go ("1.26", "1.27rc1") as semantic versions; "" stays.
func canonical(version string) string {
	if version == "" {
		return ""
	}
	v := strings.TrimPrefix(version, "v")
	for _, kind := range []string{"rc", "beta"} {
		if before, after, ok := strings.Cut(v, kind); ok && strings.Count(before, ".") == 1 && !strings.HasSuffix(before, "-") {
			v = before + ".0-" + kind + "." + after
		}
	}
	return "v" + v
}
