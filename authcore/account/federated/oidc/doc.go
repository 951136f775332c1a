// Package oidc is a provider with a discovery document: the generic one, and what other kinds with one stand on.
//
// Tokens are checked by go-oidc, codes redeemed by x/oauth2. Discovery and keys are fetched in the background and kept as long as their headers
// say, so that a sign-in makes the calls alone that the protocol needs: one to the token endpoint, and one to the userinfo endpoint where the
// id_token lacks what the configuration reads.
package oidc
