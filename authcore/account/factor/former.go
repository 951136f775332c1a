package factor

import (
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// undo returns what "This was not me" takes back of a change that removes confirmed factors, and adds some where added is true. Seeds go
// into it as they are: all of it is sealed, and sealed anew when `secret` is rotated. A seed that no secret opens is given up: with it
// the factor could not be used either.
func (f *Factors) undo(s State, removed []uuid.UUID, added bool) (notice.Undo, error) {
	former := &notice.FormerFactors{Added: added}
	for _, x := range s.Factors {
		if !x.Confirmed() || !slices.Contains(removed, x.ID) {
			continue
		}
		was := notice.FormerFactor{Factor: x}
		switch x.Type {
		case authcore.FactorTOTP:
			seed, err := openSeed(f.cfg.Sealer, x)
			if errors.Is(err, secret.ErrUnsealable) {
				continue
			}
			if err != nil {
				return notice.Undo{}, err
			}
			was.Seed, was.Factor.Secret = seed, nil
		case authcore.FactorRecovery:
			was.Codes = s.Codes
		}
		former.Removed = append(former.Removed, was)
	}
	if !added && len(former.Removed) == 0 {
		former = nil
	}
	return notice.Undo{Factors: former}, nil
}

// Restored returns a factor as it is stored again.
func (f *Factors) Restored(was notice.FormerFactor) (authcore.Factor, error) {
	x := was.Factor
	if was.Seed == nil {
		return x, nil
	}
	var err error
	x.Secret, err = sealSeed(f.cfg.Sealer, x, was.Seed)
	return x, err
}
