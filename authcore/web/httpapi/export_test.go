package httpapi

import "slices"

// Slowdown is slowdown for the tests from outside.
const Slowdown = slowdown

// Mounted lists every call that is served, as "POST /login".
func Mounted() []string {
	all, err := mountAll(Config{})
	if err != nil {
		panic(err)
	}
	var names []string
	for path, methods := range all {
		for method := range methods {
			names = append(names, method+" "+path)
		}
	}
	slices.Sort(names)
	return names
}
