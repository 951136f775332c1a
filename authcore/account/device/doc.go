// Package device lists, names and forgets the devices of an account: the browsers and apps that have signed in to it. How one becomes
// known is session's.
package device
