// Package testdjango starts Debian's Django with Django REST framework and simplejwt, the packages whose clients the dialects
// of Gatehouse serve, so that the answers of both can be compared.
//
// It owns the small project in testdata, its start on a free port with a database of its own, and its end. A server never
// outlives the test binary: a watchdog process stops it and removes its folder. Packages that are missing fail the test; nothing
// here skips.
//
// Only tests and the benchmarks import this package.
package testdjango
