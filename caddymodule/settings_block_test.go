package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
)

// blocksOf are the rules of a line.
func blocksOf(t *testing.T, line string) *block.Blocks {
	t.Helper()
	cfg, err := settingsFrom(t, line).resolve()
	if err != nil {
		t.Fatal(err)
	}
	b, err := block.New(block.Config{Rules: cfg.blocks.rules, Allowed: cfg.blocks.allowed, Now: authcore.Clock(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOption_block: a line keeps from what it names, by patterns, by a list and by a file.
func TestOption_block(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "list.txt")
	write := func(text string) {
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("*@listed.example\n")
	mail := func(address string) block.Subject { return block.Subject{Email: address} }
	for _, c := range []struct {
		line                string
		about               block.Subject
		signUp, login, send bool // are refused
	}{
		{"block email *@a.example *@b.example", mail("x@b.example"), true, false, true},
		{"block email *@a.example for login", mail("x@a.example"), false, true, false},
		{"block email *@a.example for send", mail("x@a.example"), false, false, true},
		{"block email *@a.example for signup login", mail("x@a.example"), true, true, false},
		{"block email disposable for signup", mail("x@mailinator.com"), true, false, false},
		{"block email disposable", mail("x@gmail.com"), false, false, false},
		{"block phone premium", block.Subject{Phone: "+19002345678"}, true, false, true},
		{"block phone +1900", block.Subject{Phone: "+19002345678"}, true, false, true},
		{"block username *bot", block.Subject{Username: "spambot"}, true, false, true},
		{"block email file " + list, mail("x@listed.example"), true, false, true},
		{"block email file " + list, mail("x@other.example"), false, false, false},
	} {
		b := blocksOf(t, c.line)
		if got := [3]bool{b.MaySignUp(c.about) != nil, !b.MayLogin(c.about), !b.MaySend(c.about)}; got != [3]bool{c.signUp, c.login, c.send} {
			t.Errorf("%s: %+v: refused are %v", c.line, c.about, got)
		}
	}
	write("listed.example\n")
	if b := blocksOf(t, "block email disposable "+list); b.MaySignUp(mail("x@sub.listed.example")) == nil || b.MaySignUp(mail("x@mailinator.com")) != nil {
		t.Error("the file does not replace the shipped list")
	}

	before := settingsFrom(t, "block email disposable "+list)
	write("listed.example\nother.example\n")
	if after := settingsFrom(t, "block email disposable "+list); after.Block[0].Digest == before.Block[0].Digest || after.Block[0].Digest == "" {
		t.Error("a file that has changed leaves the configuration as it was, so a reload would not read it")
	}
	write("no domain\n")
	if _, err := before.resolve(); err == nil || !strings.Contains(err.Error(), "block: email disposable: "+list+":1: ") {
		t.Errorf("error is %v", err)
	}
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	if _, err := before.resolve(); err == nil || !strings.Contains(err.Error(), "block: email disposable: ") {
		t.Errorf("error is %v", err)
	}
}

// TestOption_allow: nothing else signs up or is sent anything, and everybody signs in.
func TestOption_allow(t *testing.T) {
	t.Parallel()
	b := blocksOf(t, "allow email *@a.example\n\t\tallow email *@b.example")
	for address, allowed := range map[string]bool{"x@a.example": true, "x@b.example": true, "x@c.example": false} {
		about := block.Subject{Email: address}
		if (b.MaySignUp(about) == nil) != allowed || b.MaySend(about) != allowed || !b.MayLogin(about) {
			t.Errorf("%s: allowed is not %t", address, allowed)
		}
	}
	if about := (block.Subject{Phone: "+4930123456", Username: "ada"}); b.MaySignUp(about) != nil {
		t.Error("a kind of which nothing is allowed is refused")
	}
}
