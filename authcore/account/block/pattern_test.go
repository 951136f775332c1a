package block_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind         block.Kind
		pattern      string
		matches, not string // values, apart by spaces
	}{
		{block.Email, "*@SPAM.example", "x@spam.example a.b@spam.example", "x@notspam.example x@spam.example.org x@sub.spam.example"},
		{block.Email, "*spam.example", "x@spam.example x@notspam.example x@sub.spam.example", "x@spam.example.org"},
		{block.Email, "ada+?@example.com", "ada+1@example.com ada+ü@example.com", "ada@example.com ada+12@example.com"},
		{block.Email, "Ada@Example.com", "ada@example.com", "xada@example.com ada@example.comx"},
		{block.Email, "*@bücher.example", "x@xn--bcher-kva.example", "x@bücher.example"},
		{block.Email, `^x\d+@`, "x1@a.example x22@b.example", "x@a.example ax1@a.example"},
		{block.Email, `@SPAM\.(example|test)$`, "x@spam.example y@spam.test", "x@spamxtest x@spam.test.org"},
		{block.Email, "*a*a*a*b", "aaab@ab", strings.Repeat("a", 200)},
		{block.Email, "*", "x@spam.example", ""},
		{block.Phone, "+1900", "+19005550100 +1900", "+4919005550100 +1800"},
		{block.Phone, "+1 (900) 555", "+19005550100", "+19005650100"},
		{block.Phone, "+49*99", "+493099", "+493098 +4930990"},
		{block.Phone, "^\\+4[39]", "+4930 +4330", "+4130"},
		{block.Username, "adm?n*", "admin admxn1 administ", "adn radmin admn"},
		{block.Username, "Root", "root", "roots"},
		{block.Username, "bot$", "spambot", "bots"},
		{block.IP, "192.0.2.0/24", "192.0.2.1 192.0.2.255 ::ffff:192.0.2.7", "192.0.3.1 2001:db8::1"},
		{block.IP, "192.0.2.7/24", "192.0.2.1", "192.0.3.1"},
		{block.IP, "192.0.2.7", "192.0.2.7", "192.0.2.8"},
		{block.IP, "::ffff:192.0.2.7", "192.0.2.7", "192.0.2.8"},
		{block.IP, "2001:db8::/32", "2001:db8:1::1", "2001:db9::1 32.1.13.184"},
	} {
		p, err := block.ParsePattern(c.kind, c.pattern)
		if err != nil {
			t.Errorf("%s %q: %v", c.kind, c.pattern, err)
			continue
		}
		for _, value := range strings.Fields(c.matches) {
			if !block.Matches(p, value) {
				t.Errorf("%s %q does not match %q", c.kind, c.pattern, value)
			}
		}
		for _, value := range strings.Fields(c.not) {
			if block.Matches(p, value) {
				t.Errorf("%s %q matches %q", c.kind, c.pattern, value)
			}
		}
	}
}

func TestPattern_Bad(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind          block.Kind
		pattern, says string
	}{
		{block.Email, "^(", "missing closing )"},
		{block.Email, "^a)(", "unexpected )"},
		{block.Email, "", "missing"},
		{block.Email, strings.Repeat("a", 250) + "@a.test", "256 bytes"},
		{block.Email, "a\x00@a.test", "control"},
		{block.Email, "a\xff@a.test", "UTF-8"},
		{block.Email, "spam.example", "*@spam.example"},
		{block.Email, "*@-", "no domain"},
		{block.Phone, "900", "begins with +"},
		{block.Phone, "+19a", "begins with +"},
		{block.IP, "192.0.2", "no address"},
		{block.IP, "fe80::1%eth0", "no address"},
		{block.IP, "::ffff:0:0/90", "IPv4"},
		{"name", "x", "no kind"},
		{"name", "^x", "no kind"},
	} {
		if _, err := block.ParsePattern(c.kind, c.pattern); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %q: error is %v, want one that says %q", c.kind, c.pattern, err, c.says)
		}
	}
	if _, err := block.ParsePattern(block.Email, strings.Repeat("a", 249)+"@a.test"); err != nil {
		t.Errorf("256 bytes: %v", err)
	}
}

func TestDisposable(t *testing.T) {
	t.Parallel()
	shipped := block.Disposable()
	if len(shipped) < 5000 {
		t.Errorf("%d domains are shipped", len(shipped))
	}
	for address, listed := range map[string]bool{"x@mailinator.com": true, "x@some.sub.mailinator.com": true, "x@mailinator.com.example": false, "x@gmail.com": false, "x@com": false} {
		if block.Matches(shipped, address) != listed {
			t.Errorf("%s: listed is not %t", address, listed)
		}
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "list.txt")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	domains, err := block.DomainsIn(file("\ufeff# ours\r\nSpam.example\n\n  bücher.example  "))
	if err != nil || !block.Matches(domains, "x@a.spam.example") || !block.Matches(domains, "x@xn--bcher-kva.example") || block.Matches(domains, "x@example") {
		t.Errorf("domains are %v, %v", domains, err)
	}
	patterns, err := block.PatternsIn(block.Email, file("*@spam.example\nada@example.com\n^root@"))
	if err != nil || !block.Matches(patterns, "ada@example.com") || !block.Matches(patterns, "root@x.test") || block.Matches(patterns, "bob@example.com") {
		t.Errorf("patterns: %v", err)
	}
	networks, err := block.PatternsIn(block.IP, file("192.0.2.0/24\n2001:db8::/32"))
	if err != nil || !block.Matches(networks, "192.0.2.9") || block.Matches(networks, "192.0.3.9") {
		t.Errorf("networks: %v", err)
	}
	bad := file("*@spam.example\n# fine\n^(\n")
	if _, err := block.PatternsIn(block.Email, bad); err == nil || !strings.Contains(err.Error(), bad+":3: ") {
		t.Errorf("error is %v", err)
	}
	if _, err := block.DomainsIn(file("spam.example\nno domain\n")); err == nil || !strings.Contains(err.Error(), ":2: ") {
		t.Errorf("error is %v", err)
	}
	if _, err := block.DomainsIn(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there is no error")
	}
}

func TestPremium(t *testing.T) {
	t.Parallel()
	for number, costly := range map[string]bool{"+19002345678": true, "+499001234567": true, "+441803555010": false, "+4915112345678": false, "": false} {
		if block.Matches(block.Premium{}, number) != costly {
			t.Errorf("%s: premium is not %t", number, costly)
		}
	}
}
