// Package setup makes the first administrator: whoever opens the one-time link that a gateway without accounts prints when it starts.
//
// There is no default password, and no time at which whoever comes first gets the gateway: without the link nothing can be set up
// (L22). One link is out at most, a new one kills the former, and exactly one of those who use it at once succeeds.
package setup
