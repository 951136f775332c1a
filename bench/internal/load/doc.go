// Package load owns the requests that are sent: by wrk for what is measured, and by a small client of its own where each of many
// requests has to be sent exactly once. It does not know what answers.
package load
