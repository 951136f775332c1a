package httpauth

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// mostSlots is how many ways to identity providers a browser can be on at once: each is a cookie.
const mostSlots = 16

// SocialSlot returns the name of a [SocialCookie] for one more way to a provider: one that the browser does not keep yet, by chance, for tabs
// that are opened together ask at the same moment. Where all are kept, one of them is given up.
func SocialSlot(r *http.Request, j *Jar) string {
	kept := SocialCookie.Names(r, j)
	var free []string
	for n := 1; n <= mostSlots; n++ {
		if slot := strconv.Itoa(n); !slices.Contains(kept, slot) {
			free = append(free, slot)
		}
	}
	chance := int(secret.Random(1)[0])
	if len(free) == 0 {
		return strconv.Itoa(1 + chance%mostSlots)
	}
	return free[chance%len(free)]
}
