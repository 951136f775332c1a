// Package testsmtp is a mail server for tests: a process of its own that speaks SMTP strictly, notes every breach of the
// protocol, and on request refuses, stalls, hangs up or dies.
//
// It owns the dialog (RFC 5321, 3207, 4954, 6152, 6531) and certificates for it; it delivers nothing. Tests of any package
// may import it; their TestMain calls [Main] first, since the server's process is the test's own binary.
package testsmtp
