package federated

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
)

// Settings are one provider of the configuration, and what its word is worth.
type Settings struct {
	Name  string // of paths, and of what is kept
	Title string // of its button
	idp.Provider
	Trust Trust
	// Domains are the only ones whose proven addresses are let in; none: all. DomainsHosted judges the hosted domain in place of the
	// address's.
	Domains       []string
	DomainsHosted bool
	Groups        string   // the claim with somebody's groups
	AllowGroups   []string // one of them is needed; none: nobody needs any
	Roles         []GroupRoles
	Map           []Mapping
	SignUp        bool // people whom nobody knows may sign up by it, as `signup` says
	TrustMFA      bool // an amr with mfa counts as the second factor, of connections that their owner made while signed in
}

// Trust says whose addresses are proven by the provider's word.
type Trust struct {
	All     bool
	Domains []string // of addresses
	Hosted  bool     // and those of the hosted domain, where the provider names it
}

// GroupRoles are the roles that a group of the provider gives.
type GroupRoles struct {
	Group string
	Roles []string
}

// Mapping fills a field of the account, where it is empty, with a claim: first_name, last_name, username, locale or fields.<name>.
type Mapping struct{ Claim, Field string }

// DefaultMap is what holds besides where the configuration maps nothing to these fields.
var DefaultMap = []Mapping{{"given_name", "first_name"}, {"family_name", "last_name"}}

// Reads returns the claims that the configuration reads: what an id_token need not have and userinfo is asked for.
func (s Settings) Reads() []string {
	all := []string{"email", "email_verified"}
	for _, m := range s.Map {
		all = append(all, m.Claim)
	}
	if len(s.AllowGroups) > 0 || len(s.Roles) > 0 {
		all = append(all, s.Groups)
	}
	return all
}

// named returns the provider of a name.
func named(all []Settings, name string) (Settings, bool) {
	for _, s := range all {
		if s.Name == name {
			return s, true
		}
	}
	return Settings{}, false
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// person is who signed in, in our own terms.
type person struct {
	idp.Identity
	address  string // normalised; "" for none that we take
	proven   bool   // the provider says so, and its word is taken
	name     string
	roles    []string
	profile  authcore.Account // what is said of them: names, username, locale, fields
	username string
}

// read judges what a provider says of somebody. What it says of a name is cleaned and cut to our rules, and never refused. Refusal:
// [authcore.ProviderDenied] for who is not among those that are let in.
func (s Settings) read(id idp.Identity, fields userfield.Set, locales identifier.Locales) (person, error) {
	p := person{Identity: id}
	if address, err := identifier.NewEmail(id.Email); err == nil && id.Email != "" {
		p.address = address
		p.proven = id.EmailVerified && s.trusts(domainOf(address), id.HostedDomain)
	}
	if err := s.admit(p); err != nil {
		return p, err
	}
	groups := id.Groups(s.Groups)
	for _, g := range s.Roles {
		if !slices.Contains(groups, g.Group) {
			continue
		}
		for _, role := range g.Roles {
			if !slices.Contains(p.roles, role) {
				p.roles = append(p.roles, role)
			}
		}
	}
	p.profile.Fields = map[string]any{}
	for _, m := range s.Map {
		p.fill(m, fields, locales)
	}
	if p.name = line(id.Text("name"), identifier.MaxPersonName); p.name == "" {
		p.name = p.profile.Name()
	}
	return p, nil
}

func (s Settings) trusts(domain, hosted string) bool {
	return s.Trust.All || slices.Contains(s.Trust.Domains, domain) || s.Trust.Hosted && hosted != "" && strings.EqualFold(hosted, domain)
}

// admit is the one place of domains and allow_groups. It is asked at each sign-in. An address is judged as it was read by the rules of ours, so
// that nothing hides behind a second @ or a longer name.
func (s Settings) admit(p person) error {
	denied := authcore.Refuse(authcore.ProviderDenied, "This account cannot be used here. Use another one, or ask whoever runs this service.")
	if len(s.Domains) > 0 {
		domain := ""
		if p.address != "" && p.EmailVerified {
			domain = domainOf(p.address)
		}
		if s.DomainsHosted {
			domain = strings.ToLower(p.HostedDomain)
		}
		if domain == "" || !slices.Contains(s.Domains, domain) {
			return denied.Because(fmt.Errorf("no proven address of %s", strings.Join(s.Domains, ", ")))
		}
	}
	if len(s.AllowGroups) > 0 {
		groups := p.Identity.Groups(s.Groups)
		if !slices.ContainsFunc(s.AllowGroups, func(g string) bool { return slices.Contains(groups, g) }) {
			return denied.Because(fmt.Errorf("none of the groups %s", strings.Join(s.AllowGroups, ", ")))
		}
	}
	return nil
}

// fill reads one claim into the profile. What our rules do not take is left out.
func (p *person) fill(m Mapping, fields userfield.Set, locales identifier.Locales) {
	value := p.Claim(m.Claim)
	text, _ := value.(string)
	switch m.Field {
	case "first_name":
		p.profile.FirstName = line(text, identifier.MaxPersonName)
	case "last_name":
		p.profile.LastName = line(text, identifier.MaxPersonName)
	case "locale":
		p.profile.Locale, _ = locales.Read(text)
	case "username":
		p.username, _ = identifier.Username(text)
	default:
		name, ok := strings.CutPrefix(m.Field, "fields.")
		if !ok || value == nil {
			return
		}
		if read, err := fields.Provided(name, value); err == nil {
			p.profile.Fields[name] = read
		}
	}
}

// line cleans and cuts text to one line of so many characters; "" where nothing usable is left.
func line(s string, most int) string {
	s = strings.ToValidUTF8(s[:min(len(s), 4096)], "")
	kept := strings.Map(func(r rune) rune {
		if _, err := identifier.Line("a"+string(r)+"a", 8); err != nil {
			return ' '
		}
		return r
	}, s)
	kept = strings.Join(strings.Fields(kept), " ")
	if runes := []rune(kept); len(runes) > most {
		kept = strings.TrimSpace(string(runes[:most]))
	}
	read, err := identifier.Line(kept, most)
	if err != nil {
		return ""
	}
	return read
}
