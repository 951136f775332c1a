package caddymodule

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
)

// BlockSettings are one line of `block`.
type BlockSettings struct {
	// What is looked at: email, phone, username or ip.
	Kind string `json:"kind,omitempty"`

	// Patterns; for ip addresses and CIDRs.
	Patterns []string `json:"patterns,omitempty"`

	// A list in place of patterns: disposable (with email; the shipped list of domains, or those of `file`), premium (with phone), or file
	// (one pattern a line).
	List string `json:"list,omitempty"`

	// The file of the list. It is read when the configuration is loaded. May hold {env.*} and {file.*}.
	File string `json:"file,omitempty"`

	// A digest of the file as it was when the Caddyfile was read, so that a reload sees that it has changed.
	Digest string `json:"digest,omitempty"`

	// What the rule keeps from: signup, login, send. Default: signup send.
	For []string `json:"for,omitempty"`
}

// AllowSettings are one line of `allow`.
type AllowSettings struct {
	// What is looked at: email or phone.
	Kind string `json:"kind,omitempty"`

	// Patterns. Where there are any, only what matches one signs up or is sent anything.
	Patterns []string `json:"patterns,omitempty"`
}

// The lists of BlockSettings.
const (
	listDisposable = "disposable"
	listPremium    = "premium"
	listFile       = "file"
)

const blockUsage = "block takes a kind and patterns: block email *@spam.example, block email disposable, block phone premium, block ip 192.0.2.0/24 for signup login"

// parseBlockRule reads `block <kind> <pattern…>|disposable [<file>]|premium|file <path> [for <act…>]`.
func parseBlockRule(d *caddyfile.Dispenser, s *Settings) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return d.Err(blockUsage)
	}
	b := BlockSettings{Kind: args[0]}
	words := args[1:]
	if at := slices.Index(words, "for"); at >= 0 {
		if b.For, words = words[at+1:], words[:at]; len(b.For) == 0 {
			return d.Err("block: name what it is for: signup, login or send")
		}
	}
	switch {
	case len(words) == 0:
		return d.Err(blockUsage)
	case b.Kind == string(block.Email) && words[0] == listDisposable && len(words) <= 2:
		b.List, b.File = listDisposable, strings.Join(words[1:], "")
	case b.Kind == string(block.Phone) && slices.Equal(words, []string{listPremium}):
		b.List = listPremium
	case words[0] == listFile && len(words) == 2:
		b.List, b.File = listFile, words[1]
	default:
		b.Patterns = words
	}
	if err := b.check(); err != nil {
		return d.Errf("block: %v", err)
	}
	b.Digest = digestOf(b.File)
	s.Block = append(s.Block, b)
	return nil
}

// digestOf returns a digest of a file that can be read now, else "": whether it must be there is decided when the configuration is loaded.
func digestOf(path string) string {
	if path == "" {
		return ""
	}
	path, err := readPlaceholders(path)
	if err != nil {
		return ""
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}

func checkBlocks(s *Settings) error {
	for _, b := range s.Block {
		if err := b.check(); err != nil {
			return err
		}
	}
	return nil
}

func (b BlockSettings) check() error {
	if err := oneOf(b.Kind, kindNames()...); err != nil || b.Kind == "" {
		return errors.New(unknownWord("a kind", b.Kind, kindNames()))
	}
	if _, err := block.ParseActs(b.For); err != nil {
		return fmt.Errorf("%s: %w", b.Kind, err)
	}
	switch b.List {
	case "":
		if len(b.Patterns) == 0 {
			return errors.New(blockUsage)
		}
		return checkPatterns(b.Kind, b.Patterns)
	case listDisposable, listPremium, listFile:
	default:
		return errors.New(unknownWord("a list", b.List, []string{listDisposable, listPremium, listFile}))
	}
	switch {
	case b.List == listDisposable && b.Kind != string(block.Email):
		return errors.New("disposable is a list of e-mail domains: block email disposable")
	case b.List == listPremium && (b.Kind != string(block.Phone) || b.File != ""):
		return errors.New("premium is a kind of phone number: block phone premium")
	case b.List == listFile && b.File == "":
		return errors.New("file takes a path: block " + b.Kind + " file <path>")
	case len(b.Patterns) > 0:
		return errors.New("patterns and a list stand on lines of their own")
	}
	return checkPlaceholders(b.File)
}

func checkPatterns(kind string, patterns []string) error {
	for _, pattern := range patterns {
		if _, err := block.ParsePattern(block.Kind(kind), pattern); err != nil {
			return fmt.Errorf("%s %s: %w", kind, pattern, err)
		}
	}
	return nil
}

func kindNames() (names []string) {
	for _, kind := range block.Kinds() {
		names = append(names, string(kind))
	}
	return names
}

// parseAllow reads `allow email|phone <pattern…>`.
func parseAllow(d *caddyfile.Dispenser, s *Settings) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return d.Err("allow takes email or phone, and patterns: allow email *@example.com")
	}
	a := AllowSettings{Kind: args[0], Patterns: args[1:]}
	if err := a.check(); err != nil {
		return d.Errf("allow: %v", err)
	}
	s.Allow = append(s.Allow, a)
	return nil
}

func checkAllowed(s *Settings) error {
	for _, a := range s.Allow {
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}

func (a AllowSettings) check() error {
	kinds := []string{string(block.Email), string(block.Phone)}
	if !slices.Contains(kinds, a.Kind) {
		return errors.New(unknownWord("a kind", a.Kind, kinds))
	}
	if len(a.Patterns) == 0 {
		return errors.New("it takes patterns: allow email *@example.com")
	}
	return checkPatterns(a.Kind, a.Patterns)
}

// resolveBlocks reads the rules and their files.
func resolveBlocks(s *Settings, r *resolved) error {
	for _, b := range s.Block {
		rules, err := b.rules()
		if err != nil {
			return fmt.Errorf("block: %s %s: %w", b.Kind, b.List, err)
		}
		r.blocks.rules = append(r.blocks.rules, rules...)
	}
	r.blocks.allowed = map[block.Kind][]block.Pattern{}
	for _, a := range s.Allow {
		for _, text := range a.Patterns {
			p, err := block.ParsePattern(block.Kind(a.Kind), text)
			if err != nil {
				return fmt.Errorf("allow: %s %s: %w", a.Kind, text, err)
			}
			r.blocks.allowed[block.Kind(a.Kind)] = append(r.blocks.allowed[block.Kind(a.Kind)], p)
		}
	}
	return nil
}

// blockRules are what block and allow say.
type blockRules struct {
	rules   []block.Compiled
	allowed map[block.Kind][]block.Pattern
}

func (b BlockSettings) rules() ([]block.Compiled, error) {
	kind := block.Kind(b.Kind)
	acts, err := block.ParseActs(b.For)
	if err != nil {
		return nil, err
	}
	path, err := readPlaceholders(b.File)
	if err != nil {
		return nil, err
	}
	if path != "" {
		if path, err = filepath.Abs(path); err != nil {
			return nil, fmt.Errorf("finding the working directory: %w", err)
		}
	}
	var m block.Matcher
	switch {
	case b.List == listFile:
		m, err = block.PatternsIn(kind, path)
	case b.List == listPremium:
		m = block.Premium{}
	case b.List == listDisposable && path != "":
		m, err = block.DomainsIn(path)
	case b.List == listDisposable:
		m = block.Disposable()
	}
	if err != nil {
		return nil, err
	}
	if m != nil {
		return []block.Compiled{block.Configured(kind, strings.TrimSpace(b.List+" "+b.File), acts, m)}, nil
	}
	var rules []block.Compiled
	for _, text := range b.Patterns {
		p, err := block.ParsePattern(kind, text)
		if err != nil {
			return nil, err
		}
		rules = append(rules, block.Configured(kind, text, acts, p))
	}
	return rules, nil
}
