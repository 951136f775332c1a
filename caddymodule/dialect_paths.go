package caddymodule

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
)

// pathClaim is what a directive of a site serves.
type pathClaim struct {
	by, at string
	portal string   // the prefix, all below which is the portal's; "" for a dialect
	prefix string   // of a dialect
	paths  []string // of a dialect
}

// meets says what two directives of a site both serve; "" for nothing.
func (c pathClaim) meets(other pathClaim) string {
	if c.portal != "" {
		c, other = other, c
	}
	if c.portal != "" {
		return ""
	}
	if other.portal != "" {
		if httpauth.HasPrefix(other.portal, c.prefix) || httpauth.HasPrefix(c.prefix, other.portal) {
			return "the prefix " + c.prefix
		}
		for _, path := range c.paths {
			if httpauth.HasPrefix(other.portal, path) {
				return "the path " + path
			}
		}
		return ""
	}
	for _, path := range c.paths {
		for _, theirs := range other.paths {
			if dialect.Overlap(path, theirs) {
				return "the path " + path + "/"
			}
		}
	}
	return ""
}

// conflict is the error of two directives that meet; nil where they do not.
func (c pathClaim) conflict(other pathClaim) error {
	what := c.meets(other)
	if what == "" {
		return nil
	}
	where := ""
	if other.at != "" {
		where = " at " + other.at
	}
	hint := "give one of them another prefix"
	if c.portal != "" || other.portal != "" {
		hint = "give one of them another prefix, for example gatehouse /id"
	}
	return fmt.Errorf("%s: %s is that of %s%s too; %s", c.by, what, other.by, where, hint)
}

const pathClaims = "gatehouse paths"

// claimPaths notes what a directive serves, and refuses what another one of the same site serves already. The sites of a file share one
// state, so they are told apart by where they stand.
func claimPaths(h httpcaddyfile.Helper, at caddyfile.Token, c pathClaim) error {
	sites, _ := h.State[pathClaims].(map[string][]pathClaim)
	if sites == nil {
		sites = map[string][]pathClaim{}
		h.State[pathClaims] = sites
	}
	site := siteInFile(h)
	c.at = place(at)
	for _, other := range sites[site] {
		if err := c.conflict(other); err != nil {
			return err
		}
	}
	sites[site] = append(sites[site], c)
	return nil
}

// siteInFile names the site block of a directive by its keys and its first word, which Caddy tells no directive.
func siteInFile(h httpcaddyfile.Helper) string {
	block := reflect.ValueOf(h).FieldByName("parentBlock")
	var name strings.Builder
	keys := block.FieldByName("Keys")
	for i := range keys.Len() {
		fmt.Fprintf(&name, "%s:%d %s ", keys.Index(i).FieldByName("File"), keys.Index(i).FieldByName("Line").Int(), keys.Index(i).FieldByName("Text"))
	}
	return name.String()
}

func place(at caddyfile.Token) string { return fmt.Sprintf("%s:%d", at.File, at.Line) }
