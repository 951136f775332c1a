package authcore

import "time"

// LockoutDeviceDigits is how many hexadecimal digits the key of a device's lockout has after that of the account: half a MAC.
const LockoutDeviceDigits = 32

// Lockout is what is known of a name's failed sign-ins.
type Lockout struct {
	Key    string    // MAC of the normalised identifier or account
	Until  time.Time // where Level is 0 or more: the end of the last lock, or a later try
	Level  int       // how often it has doubled; -1: there was no lock
	Tries  string    // that run or failed, as package lockout writes them
	VoidAt time.Time // from when on nothing of it counts any more
}
