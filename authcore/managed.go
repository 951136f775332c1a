package authcore

// ManagedAccount is an account as administrators see it.
type ManagedAccount struct {
	Account
	Sessions int // that are live, those of other hosts apart
}
