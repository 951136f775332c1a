package authcore

import (
	"errors"
	"fmt"
)

// Owner takes what a store has answered about the account of somebody who is signed in. Refusals: [InvalidToken] where it is gone or
// disabled.
func Owner(a Account, err error) (Account, error) {
	if err == nil && a.Disabled() {
		err = ErrNotFound
	}
	return a, OwnerGone("find account", err)
}

// OwnerGone turns the error of a step into what somebody who is signed in may see: [ErrNotFound] says that their account is gone, for which
// the refusal is [InvalidToken]; another error is that of the step. Nil stays nil.
func OwnerGone(step string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound):
		return Refuse(InvalidToken, "This account no longer exists.")
	}
	return fmt.Errorf("%s: %w", step, err)
}
