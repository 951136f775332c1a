package keyring

import "github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"

// Signs reports whether this node has a key to sign with, for bearers and for cookies. It has none before Load, and where those it
// had were removed from the database and it cannot open what came in their place, until Reload or another Load can.
func (r *Ring) Signs() bool {
	set, now := r.set.Load(), r.cfg.Now()
	if set == nil {
		return false
	}
	for _, use := range []jwtkeys.Use{jwtkeys.Bearer, jwtkeys.Cookie} {
		if _, err := set.Signer(use, now); err != nil {
			return false
		}
	}
	return true
}
