package authcore

import "time"

// Clock tells the time; time.Now is one.
type Clock func() time.Time

// Now returns the present as every store keeps it and the domain compares it: whole microseconds, UTC.
func (c Clock) Now() time.Time { return c().UTC().Truncate(time.Microsecond) }
