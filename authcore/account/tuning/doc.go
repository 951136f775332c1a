// Package tuning holds the settings that administrators change while the gateway runs: which there are, what they may be, and which
// value rules. A run-time value outranks the configuration's until it is reset.
//
// It does not know what a setting means: flows read theirs by the functions that a [Registry] gives out.
package tuning
