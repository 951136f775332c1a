// Package secure takes an account back from somebody else: what the link "This was not me" of a security mail does. Package notice
// sends the links and seals what they take back.
//
// Whoever has stolen a session or a password can change what an account is known by, and causes security mails while doing so. The
// links rank by the time of their events: the earliest knows who the owner was. So using one takes back everything since its event
// and kills every later one, and never an earlier one.
package secure
