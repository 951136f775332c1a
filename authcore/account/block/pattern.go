package block

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// Kind is what a rule looks at.
type Kind string

// The kinds.
const (
	Email    Kind = "email"
	Phone    Kind = "phone"
	Username Kind = "username"
	IP       Kind = "ip" // the client's address
)

// Kinds returns every kind.
func Kinds() []Kind { return []Kind{Email, Phone, Username, IP} }

// MaxPattern is the longest pattern in bytes.
const MaxPattern = 256

// Pattern is a pattern that can be asked. Of ip it is an address or CIDR. Of the others it is compared with the normalised value: with a
// leading ^ or a trailing $ as an RE2 expression, else as a glob of the whole value with * (any characters) and ? (one); of phone without
// either as the beginning of a number. The zero Pattern matches nothing. It is safe for concurrent use.
type Pattern struct {
	text    string       // as it is compared
	network netip.Prefix // of ip
	re      *regexp.Regexp
	form    form
}

type form int

const (
	exact form = iota + 1
	glob
	prefix
	expression
	network
)

// ParsePattern reads a pattern. Its errors are for whoever wrote it.
func ParsePattern(kind Kind, text string) (Pattern, error) {
	switch {
	case text == "":
		return Pattern{}, errors.New("a pattern is missing")
	case len(text) > MaxPattern:
		return Pattern{}, fmt.Errorf("a pattern has at most %d bytes", MaxPattern)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return Pattern{}, errors.New("a pattern is UTF-8 without control characters")
	case kind == IP:
		return parseNetwork(text)
	case text[0] == '^' || text[len(text)-1] == '$':
		return parseExpression(kind, text)
	}
	p := Pattern{text: norm.NFC.String(strings.ToLower(text)), form: exact}
	if strings.ContainsAny(text, "*?") {
		p.form = glob
	}
	switch kind {
	case Email:
		return p.asEmail()
	case Phone:
		return p.asPhone()
	case Username:
		return p, nil
	}
	return Pattern{}, fmt.Errorf("%q is no kind of rule; it is email, phone, username or ip", kind)
}

// parseExpression compiles an expression. Values are lower case, so letters of either case mean the same.
func parseExpression(kind Kind, text string) (Pattern, error) {
	if !slices.Contains(Kinds(), kind) {
		return Pattern{}, fmt.Errorf("%q is no kind of rule; it is email, phone, username or ip", kind)
	}
	re, err := regexp.Compile("(?i:" + text + ")")
	if err != nil {
		if _, bare := regexp.Compile(text); bare != nil { // says it without what was put around it
			err = bare
		}
		return Pattern{}, err
	}
	if _, err := regexp.Compile(text); err != nil { // a parenthesis too many would close ours
		return Pattern{}, err
	}
	return Pattern{text: text, re: re, form: expression}, nil
}

func parseNetwork(text string) (Pattern, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return Pattern{text: text, network: netip.PrefixFrom(addr, addr.BitLen()), form: network}, nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return Pattern{}, fmt.Errorf("%q is no address and no network; write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32", text)
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return Pattern{}, fmt.Errorf("%q covers more than IPv4; write the IPv4 network", text)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return Pattern{text: text, network: p.Masked(), form: network}, nil
}

// asEmail writes the domain as addresses have it. A pattern that no address can match was meant otherwise.
func (p Pattern) asEmail() (Pattern, error) {
	local, domain, at := strings.Cut(p.text, "@")
	if !at && p.form == exact {
		return Pattern{}, fmt.Errorf("%q matches no address; for every address of a domain write *@%s", p.text, p.text)
	}
	if at && !strings.ContainsAny(domain, "*?") {
		whole, err := identifier.Email("x@" + domain)
		if err != nil {
			return Pattern{}, fmt.Errorf("%q matches no address: what follows the @ is no domain", p.text)
		}
		p.text = local + whole[1:]
	}
	return p, nil
}

// asPhone takes out what stands between the digits of a number.
func (p Pattern) asPhone() (Pattern, error) {
	p.text = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()/", r) {
			return -1
		}
		return r
	}, p.text)
	if p.text == "" || !strings.ContainsRune("+*?", rune(p.text[0])) || strings.Trim(p.text, "+*?0123456789") != "" {
		return Pattern{}, errors.New("a pattern of numbers begins with + and a country code, such as +1900 or +49*")
	}
	if p.form == exact {
		p.form = prefix
	}
	return p, nil
}

// matches reports whether a normalised value matches.
func (p Pattern) matches(value string) bool {
	switch p.form {
	case exact:
		return value == p.text
	case prefix:
		return strings.HasPrefix(value, p.text)
	case glob:
		return globs(p.text, value)
	case expression:
		return p.re.MatchString(value)
	case network:
		addr, err := netip.ParseAddr(value)
		return err == nil && p.network.Contains(addr.Unmap().WithZone(""))
	}
	return false
}

// globs reports whether a glob matches all of value. Each * is tried anew only from the last one, so the time is at most the product of
// both lengths.
func globs(pattern, value string) bool {
	star, from := "", ""
	starred := false
	for {
		if pattern != "" && pattern[0] == '*' {
			starred, star, from = true, pattern[1:], value
			pattern = star
			continue
		}
		if value == "" {
			return pattern == ""
		}
		if pattern != "" {
			want, n := utf8.DecodeRuneInString(pattern)
			if have, m := utf8.DecodeRuneInString(value); want == '?' || want == have {
				pattern, value = pattern[n:], value[m:]
				continue
			}
		}
		if !starred || from == "" {
			return false
		}
		_, m := utf8.DecodeRuneInString(from)
		from = from[m:]
		pattern, value = star, from
	}
}
