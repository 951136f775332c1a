// Package admin is what an administrator does to other people's accounts: making them, giving and taking roles, disabling and
// enabling.
//
// Each change is one transaction with everything that follows from it: a disabled account has no session, token, code or link left,
// a role that was taken away is in no access token that is still accepted, and one administrator always stays. Who may do this is
// asked by the callers: here nobody is. What owners do to their own accounts is in the other packages of account.
package admin
