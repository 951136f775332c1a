package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// OptionStore keeps which addresses the option `admins` had when a node last started.
type OptionStore interface {
	// AppliedAdmins returns what ApplyAdmins stored last; nil for nothing.
	AppliedAdmins(ctx context.Context) ([]byte, error)
	// ApplyAdmins replaces was by next and has the access tokens of the accounts with these verified addresses renewed. It is false,
	// and nothing has changed, where another node was faster.
	ApplyAdmins(ctx context.Context, was, next []byte, renew []string, now time.Time) (bool, error)
}

// Sealer seals the addresses: a dump of the database names nobody by them.
type Sealer interface {
	Seal(purpose string, plain []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

const optionPurpose = "option admins"

// removedKept is how long an address that was removed from the option is remembered. So long may nodes that still have the former
// configuration take to be restarted: each restart renews once more what the others have issued meanwhile.
const removedKept = 24 * time.Hour

type appliedAddress struct {
	Address   string    `json:"address"`
	RemovedAt time.Time `json:"removed_at"` // zero: it is in the option
}

// ApplyOption makes a change of the option `admins` count at once, and not only when access tokens expire (S17): those of accounts
// that have got or lost the role by it are refused and renewed. It is called at each start, after which this node gives roles by the
// new list.
func ApplyOption(ctx context.Context, store OptionStore, sealer Sealer, admins authcore.Admins, now authcore.Clock) error {
	for {
		was, err := store.AppliedAdmins(ctx)
		if err != nil {
			return fmt.Errorf("option admins: %w", err)
		}
		before, err := openApplied(sealer, was)
		if err != nil {
			return err
		}
		after, renew := applied(before, admins, now.Now())
		if len(renew) == 0 && len(after) == len(before) {
			return nil
		}
		text, err := json.Marshal(after)
		if err != nil {
			return fmt.Errorf("option admins: %w", err)
		}
		next, err := sealer.Seal(optionPurpose, text)
		if err != nil {
			return fmt.Errorf("option admins: %w", err)
		}
		done, err := store.ApplyAdmins(ctx, was, next, renew, now.Now())
		if err != nil {
			return fmt.Errorf("option admins: %w", err)
		}
		if done {
			return nil
		}
	}
}

// openApplied takes what lies under a secret that is gone for nothing.
func openApplied(sealer Sealer, sealed []byte) (list []appliedAddress, err error) {
	if sealed == nil {
		return nil, nil
	}
	text, err := sealer.Open(optionPurpose, sealed)
	if errors.Is(err, secret.ErrUnsealable) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("option admins: %w", err)
	}
	return list, nil
}

// applied returns the list to store, and the addresses whose accounts have got or lost the role.
func applied(before []appliedAddress, admins authcore.Admins, now time.Time) (after []appliedAddress, renew []string) {
	for _, b := range before {
		switch {
		case slices.Contains(admins, b.Address):
			continue
		case b.RemovedAt.IsZero():
			b.RemovedAt = now
		case now.Sub(b.RemovedAt) >= removedKept:
			continue
		}
		after, renew = append(after, b), append(renew, b.Address)
	}
	for _, address := range admins {
		if !slices.Contains(before, appliedAddress{Address: address}) {
			renew = append(renew, address)
		}
		after = append(after, appliedAddress{Address: address})
	}
	return after, renew
}
