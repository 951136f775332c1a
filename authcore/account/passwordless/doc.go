// Package passwordless signs people in by a code or a link that is sent to them: to an address by mail, or a code alone to a number by SMS.
//
// Code and link are one challenge, so either spends both. Who asks gets a binding, which the browser keeps in a cookie and an app beside
// its request. A link signs in only where the binding is: else a mail that somebody else has caused would sign its reader's browser in to
// an account of theirs, or theirs in to its reader's (R02). Elsewhere the code of the same mail is needed, which its reader has to type into the page where
// it was asked for. Wrong codes with the binding and wrong codes without have a budget each: a stranger who guesses does not close the
// code of who asked for one.
package passwordless
