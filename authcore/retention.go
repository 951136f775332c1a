package authcore

import (
	"cmp"
	"time"
)

// Retention says how long what is of no more use is kept.
type Retention struct {
	Events      time.Duration // since they happened
	Devices     time.Duration // since the last sign-in
	Invitations time.Duration // that nobody has used, since they expired
}

// DefaultRetention is what holds where a Retention says nothing.
var DefaultRetention = Retention{Events: 400 * 24 * time.Hour, Devices: 400 * 24 * time.Hour, Invitations: 90 * 24 * time.Hour}

// OrDefault returns r with the default in the place of each zero.
func (r Retention) OrDefault() Retention {
	return Retention{Events: cmp.Or(r.Events, DefaultRetention.Events), Devices: cmp.Or(r.Devices, DefaultRetention.Devices),
		Invitations: cmp.Or(r.Invitations, DefaultRetention.Invitations)}
}
