package storetest

import (
	"testing"
)

// Run tests that what open returns keeps the promises of Store. open is called once per test, returns an empty
// store that shares nothing with others, and sees to its closing.
func Run(t *testing.T, open func(testing.TB) Store) {
	for _, group := range []struct {
		name  string
		tests []promise
	}{
		{"accounts", accounts},
		{"standing", standing},
		{"identifiers", identifiers},
		{"registrations", registrations},
		{"challenges", challenges},
		{"bindings", bindings},
		{"sign-up", signUps},
		{"set-up", setups},
		{"reset", resets},
		{"passwords", passwords},
		{"actors", actors},
		{"contacts", contacts},
		{"closure", closures},
		{"invitations", invitations},
		{"history", histories},
		{"figures", figures},
		{"event log", eventLog},
		{"calls of the administration", adminCalls},
		{"managed accounts", managed},
		{"addresses set by administrators", managedContacts},
		{"roster", roster},
		{"sessions of dialects", dialectSessions},
		{"factors", factors},
		{"credentials", credentials},
		{"connections", connections},
		{"grants", grants},
		{"block rules", blockRules}, {"breaches", breaches}, {"notifications", notifications},
		{"runtime settings", runtimeSettings},
		{"avatars", avatars},
		{"sessions", sessions}, {"sessions of everybody", sessionLists},
		{"opening", openings},
		{"devices", devices},
		{"second steps", secondSteps},
		{"rotation", rotations}, {"dialects", dialects},
		{"replacing", replacings},
		{"children", children},
		{"revocations", revocations},
		{"keys", keys},
		{"outbox", outbox},
		{"security links", securityLinks},
		{"lockouts", lockouts},
		{"sweep", sweeps},
		{"calls", calls},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, p := range group.tests {
				t.Run(p.name, func(t *testing.T) {
					t.Parallel()
					p.test(t, open(t))
				})
			}
		})
	}
}

// promise is one sentence of a port and the test of it.
type promise struct {
	name string
	test func(t *testing.T, s Store)
}
