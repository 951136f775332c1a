// Package passpolicy says which passwords may be set (NIST SP 800-63B §3.1.1.2, OWASP
// ASVS 6.2) and brings a typed password to its one canonical text.
//
// What counts is length and how easily it is guessed: no kinds of characters are demanded
// and nothing expires. The lists are embedded; nothing is asked over the network. It owns
// no hashing (passhash) and no throttling, imports nothing of Gatehouse, and may be
// imported by authcore and its capabilities.
//
// The embedded list common.txt.gz is described in README.md.
package passpolicy

//go:generate go run gen/main.go -in passwords.json -out common.txt.gz
