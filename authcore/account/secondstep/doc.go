// Package secondstep ends every way in. Who has shown who they are, by a password, a code or a link, gets a session from [Flow.Finish] or,
// where the account asks for a second kind of proof, a pending sign-in: it is no session, its token is good for the calls that finish it
// alone, and it dies with success, five wrong codes, the life of a code, and whatever ends the account's sessions.
//
// What is asked for is decided anew at each step, from the account and its factors as they are then ([Flow.next]): nothing that a client
// brings says which steps it has behind it.
package secondstep
