// Package password owns what happens to passwords: choosing one ([Check], [Hash]), changing it by who knows the current one
// ([Flow.Change]), and the way back in for who has forgotten it ([Flow.Forgot], [Flow.Reset]).
//
// One normal form, one check against the policy with what is known of the person, one hash, wherever a password is chosen. A
// try to change is a try to guess: it is counted and locked with the sign-ins of the account. Asking for a reset answers the
// same for every login. A change and a reset end every session and every other code of the account, and its owner is told by
// mail; a reset opens no session: whoever resets signs in afterwards, with a second factor where one is owed (OWASP Forgot
// Password Cheat Sheet). Callers decide who is signed in.
package password
