package federated

import (
	"encoding/base64"
	"fmt"
)

// mostPosted is how much a provider may have a browser post about somebody, in bytes: a name takes no more, and it stands in an address
// afterwards.
const mostPosted = 1024

// sealedPosted is what that is sealed for; it opens with the state alone that it was posted with.
const sealedPosted = "posted with state "

// SealPosted seals what a provider had the browser post beside the code, for the moment until the answer arrives by GET: the name of somebody
// stands in no address that is logged or kept in a history. "" where it is too long: it is left out, and no reason to refuse anybody.
func (f *Flow) SealPosted(state, user string) (string, error) {
	if len(user) > mostPosted {
		return "", nil
	}
	sealed, err := f.cfg.Sealer.Seal(sealedPosted+state, []byte(user))
	if err != nil {
		return "", fmt.Errorf("seal what was posted: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// openPosted returns what was sealed; "" for anything else.
func (f *Flow) openPosted(state, sealed string) string {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return ""
	}
	user, err := f.cfg.Sealer.Open(sealedPosted+state, raw)
	if err != nil {
		return ""
	}
	return string(user)
}
