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
//   - edge: what is decided about each request: sanitize cleans it before anybody sees it, httpauth tells who makes it, access decides,
//     accesstoken verifies tokens, revocation knows what is not accepted any more, liveconn ends connections that outlive their session.
//   - platform: what implements the ports (sqlstore over sqldb, redisfeed and ratelimit over redislink, lockout, notify), the keys
//     (keyring), the clock that all nodes agree on (nodeclock) and the tasks of whoever runs the gateway (operator).
//   - crypto: secret, passhash, passpolicy, jwtkeys. They know nobody.
//
// Words that mean something particular here:
//
//   - child session: the session that another host gets by single sign-on; it ends with its parent.
//   - credential: what a request brings to say who makes it; a scheme finds one kind and verifies it from memory.
//   - digest: what is stored of a code or token in its place.
//   - effects: events and mails that are committed with a change, or not at all.
//   - epoch: a number of the account; raising it ends every session before it at once.
//   - feed: revocations that nodes tell each other through Redis, in milliseconds; the poller reads the same from the database.
//   - hand-over: single sign-on across hosts; a one-time code takes the session to another host.
//   - identifier: what somebody signs in with, in one normal form: e-mail address, username, phone number.
//   - known and unknown: whether there is such an account; both do the same work, so that neither answer nor time tells.
//   - leeway: how long a rotated refresh token gets the same answer again, for a lost answer or a second tab.
//   - node: a process and what it holds of one database; configurations come and go over it.
//   - passage: the way of a request past handlers that are not ours, without our cookies and tokens.
//   - registration token: what a browser shows to prove that it is the one which signed up.
//   - ring: the signing keys that are stored: next, current, retiring.
//   - roles version: a number of the account; raising it makes access tokens be renewed, while sessions live.
//   - sealed: encrypted under the operator's secret.
//   - staleness: for how long neither the database nor the feed has confirmed this node's revocations.
//   - sweep: what removes expired rows.
//   - trace: what is told of a step as it begins and ends, for spans and metrics.
//   - wing: a folder of authcore that holds packages of one kind.
//
// Folders that end in "test" are suites that hold every implementation of a port to account.
package authcore
