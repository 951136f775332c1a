package portal

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// detailLines tells what the details of an event say, a line for each: field: before → after. What is no JSON is told as it is.
func detailLines(details string) (lines []string) {
	if details == "" {
		return nil
	}
	var all map[string]json.RawMessage
	if json.Unmarshal([]byte(details), &all) != nil {
		return []string{details}
	}
	var changes map[string]authcore.FieldChange
	if json.Unmarshal(all["changes"], &changes) == nil {
		delete(all, "changes")
	}
	for _, field := range slices.Sorted(maps.Keys(changes)) {
		lines = append(lines, field+": "+detailText(changes[field].Old)+" → "+detailText(changes[field].New))
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var value any
		if json.Unmarshal(all[name], &value) == nil {
			lines = append(lines, name+": "+detailText(value))
		}
	}
	return lines
}

// detailText writes a value without the signs of JSON.
func detailText(value any) string {
	switch v := value.(type) {
	case nil:
		return "–"
	case string:
		if v == "" {
			return "–"
		}
		return v
	case []any:
		words := make([]string, len(v))
		for i, one := range v {
			words[i] = detailText(one)
		}
		if len(words) == 0 {
			return "–"
		}
		return strings.Join(words, " ")
	}
	text, err := json.Marshal(value)
	if err != nil { // unreachable: it came from JSON
		return ""
	}
	return string(text)
}
