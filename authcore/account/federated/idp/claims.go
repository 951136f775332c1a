package idp

import (
	"slices"
	"strings"
)

// Text returns a claim that is text; "" for any other.
func (i Identity) Text(claim string) string {
	text, _ := i.Claim(claim).(string)
	return text
}

// Claim returns a claim by its name, or where there is none of that name by a path of members with dots between them.
func (i Identity) Claim(name string) any {
	if v, ok := i.Claims[name]; ok {
		return v
	}
	var at any = i.Claims
	for part := range strings.SplitSeq(name, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[part]
	}
	return at
}

// mostGroups is how many groups of somebody are looked at.
const mostGroups = 1000

// Groups returns the groups that a claim names: an array of texts or of objects with a name, one text, or an object whose members
// are named after them.
func (i Identity) Groups(claim string) (groups []string) {
	switch v := i.Claim(claim).(type) {
	case string:
		groups = []string{v}
	case []any:
		for _, one := range v[:min(len(v), mostGroups)] {
			if object, ok := one.(map[string]any); ok {
				one = object["name"]
			}
			if name, ok := one.(string); ok {
				groups = append(groups, name)
			}
		}
	case map[string]any:
		for name := range v {
			groups = append(groups, name)
		}
	}
	groups = slices.DeleteFunc(groups, func(g string) bool { return g == "" })
	slices.Sort(groups)
	return slices.Compact(groups)[:min(len(slices.Compact(groups)), mostGroups)]
}
