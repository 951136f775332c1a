// Package notice tells the owner of an account of what may be somebody else's doing, and gives them the link "This was not me" that
// takes it back. [Notices.Security] is for the mails that carry it, [Notices.Tell] for those that do not.
//
// A notice goes to the address that was verified before the event: whoever has the session of an account can change its address, and
// must not be the one who is told. Both append to the Effects of the change, so that the change, its mail and its link are
// committed together or not at all. The one table of kinds.go says which mail tells of which event. What a link does is in
// package secure.
package notice
