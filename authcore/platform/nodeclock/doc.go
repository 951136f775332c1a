// Package nodeclock is the clock that all nodes on one database go by, and what tells when a machine's own clock is wrong.
package nodeclock
