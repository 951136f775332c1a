// Package federated is what accounts have to do with accounts elsewhere: signing in and up by an identity provider, and the connections that
// an account has with people at providers.
//
// Who somebody is at a provider is its issuer and its subject, never an address (C06). What a provider's word leads to is decided in one
// place, [decide], from what is known at that moment. The protocol and its checks are those of package idp and of the package of each kind of
// provider; what comes out of them, an [idp.Identity], is judged here alike for all.
//
// A sign-in that lacks something (an address that is proven, a field that accounts must have, somebody's consent) goes on with a social
// token: it is no session, and is good for the calls that complete it alone.
package federated
