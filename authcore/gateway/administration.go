package gateway

import "github.com/gatehouse-auth/gatehouse/authcore/account/stats"

// wireAdministration makes what administrators read and do.
func (f *Flows) wireAdministration(cfg Config) (err error) {
	f.Stats, err = stats.New(stats.Config{Store: cfg.Store, Now: cfg.Now})
	return err
}
