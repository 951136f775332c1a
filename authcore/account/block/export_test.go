package block

// Matches asks a pattern or list.
func Matches(m Matcher, value string) bool { return m.matches(value) }
