// Package lockout counts failed sign-ins and locks names after too many. The counts are rows of the database, so they hold for
// every node on it and survive restarts; nothing is kept in memory but who waits.
//
// It does not know what a name stands for, nor what the client is told. Only caddymodule and tests import it.
package lockout
