// Command bench measures the gateway against bare Caddy in the same run, and writes the figures as text, JSON and a chart.
//
// Requests: for each case and round, a slice of load on bare Caddy, one on the case, one on bare Caddy again; what is told is
// the ratio to the mean of the two. The figure to trust is processor time per request, from /proc; the host of a virtual machine
// may take time away, which shifts rates and latencies, but little of this. docs/performance.md says what the cases are.
//
// It wants Linux, wrk, nginx and Postgres (make bench brings them), is run in its own folder, and leaves nothing but its results.
package main
