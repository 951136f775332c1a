// Package fresh owns one question: is this really the account's owner, now? Calls that could take the account away from its owner ask
// it (ASVS 7.5.1). It is answered by a sign-in that is recent enough and gave all that one asks for, or by the password, and a code where
// a second factor is asked for, sent with the call.
//
// It does not decide which calls ask: their routes say so.
package fresh
