// Package authcore is the domain of Gatehouse: the nouns, their rules, the errors a client may see and the ports
// through which the outside world is reached. It knows neither HTTP nor SQL nor Caddy and can be used by any Go program.
//
// The nouns: an [Account] is a person with identifiers and perhaps a password; a [Session] is one sign-in on one
// device and at the same time the family of its refresh tokens; a [Challenge] is any code or link sent to somebody;
// a [Registration] is a sign-up that waits for its address to be verified; a [Principal] is who a request is made by;
// a [Revocation] tells every node what is no longer accepted; an [Event] is a line of the security history.
//
// The folders below are its wings, and arrows between them point down (layering_test.go):
//
//   - gateway: everything put together, as the Caddy module and the tests use it.
//   - web: the transports. httpapi is the JSON API, portal the pages.
//   - account: what people do with an account, a package for each: signup, signin, password, profile, session, handover;
//     identifier, challenge, attempt and audit hold what several of them share.
//   - edge: what is decided about each request: sanitize cleans it before anybody sees it, httpauth tells who makes it,
//     accesstoken verifies tokens, revocation knows what is not accepted any more, liveconn ends connections that outlive their session.
//   - platform: what implements the ports (sqlstore over sqldb, redisfeed and ratelimit over redislink, lockout, notify), the keys
//     (keyring) and the tasks of whoever runs the gateway (operator).
//   - crypto: secret, passhash, passpolicy, jwtkeys. They know nobody.
//
// Folders that end in "test" are suites that hold every implementation of a port to account.
package authcore
