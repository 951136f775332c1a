package block

import (
	"net/netip"
	"slices"
	"time"
)

// Compiled is a rule that can be asked.
type Compiled struct {
	Rule
	Matcher
}

// index finds the patterns that match a value: those without wildcards, and networks, by look-up, the others one after the other. Its
// patterns may each belong to a rule.
type index struct {
	exact    map[string][]*Compiled
	networks map[netip.Prefix][]*Compiled
	bits     []int // lengths of the networks' prefixes
	others   []other
}

type other struct {
	Matcher
	rule *Compiled
}

func (x *index) add(m Matcher, rule *Compiled) {
	p, _ := m.(Pattern)
	switch p.form {
	case exact:
		if x.exact == nil {
			x.exact = map[string][]*Compiled{}
		}
		x.exact[p.text] = append(x.exact[p.text], rule)
	case network:
		if x.networks == nil {
			x.networks = map[netip.Prefix][]*Compiled{}
		}
		x.networks[p.network] = append(x.networks[p.network], rule)
		if !slices.Contains(x.bits, p.network.Bits()) {
			x.bits = append(x.bits, p.network.Bits())
		}
	default:
		x.others = append(x.others, other{m, rule})
	}
}

// each calls do for every pattern that matches, until it returns false.
func (x *index) each(value string, do func(*Compiled) bool) {
	for _, rule := range x.exact[value] {
		if !do(rule) {
			return
		}
	}
	if len(x.bits) > 0 {
		addr, err := netip.ParseAddr(value)
		if err != nil {
			return
		}
		addr = addr.Unmap().WithZone("")
		for _, bits := range x.bits {
			covering, err := addr.Prefix(bits)
			if err != nil { // more bits than an IPv4 address has
				continue
			}
			for _, rule := range x.networks[covering] {
				if !do(rule) {
					return
				}
			}
		}
	}
	for _, o := range x.others {
		if o.matches(value) && !do(o.rule) {
			return
		}
	}
}

func (x *index) matches(value string) bool {
	found := false
	x.each(value, func(*Compiled) bool {
		found = true
		return false
	})
	return found
}

// set is a snapshot of rules, which never changes.
type set struct{ kinds map[Kind]*index }

func newSet(rules []Compiled) *set {
	s := &set{kinds: map[Kind]*index{}}
	for i := range rules {
		rule := &rules[i]
		if s.kinds[rule.Kind] == nil {
			s.kinds[rule.Kind] = &index{}
		}
		s.kinds[rule.Kind].add(rule.Matcher, rule)
	}
	return s
}

// find returns a rule for the act that matches the value now; nil for none.
func (s *set) find(act Act, kind Kind, value string, now time.Time) (found *Compiled) {
	if x := s.kinds[kind]; x != nil && value != "" {
		x.each(value, func(rule *Compiled) bool {
			if rule.holds(now) && slices.Contains(rule.For, act) {
				found = rule
			}
			return found == nil
		})
	}
	return found
}

// all returns every rule that matches the value now.
func (s *set) all(kind Kind, value string, now time.Time) (found []Rule) {
	if x := s.kinds[kind]; x != nil {
		x.each(value, func(rule *Compiled) bool {
			if rule.holds(now) {
				found = append(found, rule.Rule)
			}
			return true
		})
	}
	return found
}

// trapped returns the rule by which a trap keeps out just this network now; nil for none.
func (s *set) trapped(network netip.Prefix, now time.Time) *Compiled {
	if x := s.kinds[IP]; x != nil {
		for _, rule := range x.networks[network] {
			if rule != nil && rule.Source == FromTrap && rule.holds(now) {
				return rule
			}
		}
	}
	return nil
}

// holds reports whether a rule has not expired.
func (r Rule) holds(now time.Time) bool { return r.ExpiresAt.IsZero() || now.Before(r.ExpiresAt) }
