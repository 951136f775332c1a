// Package testidp is identity providers that tests start on loopback: an OpenID provider, and Google, Apple, Facebook and GitHub as far as a
// sign-in needs them. Each does what it documents, and lies or falls sick where a test tells it to.
package testidp
