// Package soak says how far a test goes: `make test` takes each one's short form, `make soak` its long one. It owns
// nothing else, and only tests import it.
package soak

import (
	"os"
	"time"
)

// Variable is the environment variable that asks for the long forms when it is "1".
const Variable = "GATEHOUSE_SOAK"

// Long reports whether the long forms are asked for.
func Long() bool { return os.Getenv(Variable) == "1" }

// N returns short, or long under `make soak`.
func N(short, long int) int {
	if Long() {
		return long
	}
	return short
}

// For is N for durations.
func For(short, long time.Duration) time.Duration {
	if Long() {
		return long
	}
	return short
}
