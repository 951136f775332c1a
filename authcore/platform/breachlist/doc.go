// Package breachlist is the file of passwords of known breaches, and what makes it: [Build] from a list of SHA-1 digests in the
// format of Pwned Passwords (https://haveibeenpwned.com/Passwords), [Open] to look passwords up.
//
// The file holds binary fuse filters (Graf and Lemire, https://arxiv.org/abs/2201.01174), no digests: a password of the list is always
// found, and 1 in 65 536 others is found too. It is mapped into memory, so that a process holds only the pages that it reads. Nothing
// is asked over the network.
package breachlist
