// Package authcore is the domain of Gatehouse: the nouns, their rules, the errors a client may see and the ports
// through which the outside world is reached. It knows neither HTTP nor SQL nor Caddy and can be used by any Go program.
//
// The nouns: an [Account] is a person with identifiers and perhaps a password; a [Session] is one sign-in on one
// device and at the same time the family of its refresh tokens; a [Challenge] is any code or link sent to somebody;
// a [Registration] is a sign-up that waits for its address to be proven; a [Principal] is who a request is made by;
// a [Revocation] tells every node what is no longer accepted; an [Event] is a line of the security history.
//
// The capabilities in the folders below hold the flows: session, handover, signin, enrol, recovery, credential, profile, keyring,
// edge, operator; identifier, challenge, attempt, newpassword and history hold what several of them do alike. The adapters
// (sqlstore, revocation, redisfeed with redislink, throttle, notify) implement the ports of ports.go and never import each
// other. The leaves (secret, passhash, passpolicy, jwtkeys) know nobody. Above them all httpapi and portal speak HTTP.
package authcore
