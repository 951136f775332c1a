// Package accesstoken owns the decision about a presented access token: who is it, and is it still accepted. It answers from
// memory alone — no network, no disk, no lock shared by all requests — so that it can stand in front of every request.
//
// It does not know where a token came from, which rules a route has, or how identity reaches an upstream's header names.
package accesstoken
