// Package idp is what an identity provider is to Gatehouse: the seam between the protocol, which package federated knows, and the quirks of
// one provider, which a package of its own knows ([Provider]).
//
// # How to add a kind of provider
//
//  1. A package beside package oidc with a type that implements [Provider], and where the provider has them [Logouts] and [Background]. It reads
//     what the provider answers into an [Identity] and decides nothing by it: whether an address counts as proven, who is let in, and what
//     account it is, is decided by package federated for all kinds alike. A provider with a discovery document stands on package oidc.
//  2. Every call to the provider goes through a [Client], which owns the rules of contract §10.5.
//  3. A guest module gatehouse.providers.<kind> in package caddymodule: one file, after provider_oidc.go.
//
// Errors wrap [ErrAnswer] where the provider, or whoever speaks for it, has sent something that cannot be taken, and [ErrUnavailable] where it did
// not answer. No error holds a token, a code or a secret.
package idp
