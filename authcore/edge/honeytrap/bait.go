package honeytrap

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// Bait is a path that only programs ask for: `/wp-login.php`, or `/wp-admin/*` for whatever begins so. The zero value matches nothing.
type Bait struct {
	text string // as it was written
	path string // in lower case, without the star
	stem bool   // it has one
}

// ParseBait reads a bait. Its errors are for whoever wrote it.
func ParseBait(text string) (Bait, error) {
	path, stem := strings.CutSuffix(text, "*")
	b := Bait{text: text, path: strings.ToLower(path), stem: stem}
	switch {
	case !strings.HasPrefix(path, "/"):
		return Bait{}, errors.New("a bait is a path that begins with /")
	case path == "/":
		return Bait{}, errors.New("everybody asks for /")
	case strings.ContainsAny(path, "*?#%{}\\ ") || len(text) > 128:
		return Bait{}, errors.New("a bait is a path as it is read, with * at its end alone, of at most 128 bytes")
	case b.meets("/.well-known") || b.meets(httpauth.HostPrefix):
		return Bait{}, errors.New("it is for browsers and programs that are welcome")
	}
	return b, nil
}

// Matches reports whether a path is one of the bait's. It is compared without regard to case, as Caddy compares paths.
func (b Bait) Matches(path string) bool {
	path = strings.ToLower(path)
	return b.path != "" && path == b.path || b.stem && b.path != "" && strings.HasPrefix(path, b.path)
}

// CheckPrefix says what is wrong with a bait where the gateway's own pages are under a prefix.
func (b Bait) CheckPrefix(prefix string) error {
	if b.meets(prefix) {
		return fmt.Errorf("the bait %s meets the gateway's own paths below %s", b.text, prefix)
	}
	return nil
}

// meets reports whether some path is both the bait's and the prefix, or below it.
func (b Bait) meets(prefix string) bool {
	prefix = strings.ToLower(prefix)
	return b.Matches(prefix) || b.path == prefix || strings.HasPrefix(b.path, prefix+"/") || b.stem && strings.HasPrefix(prefix+"/", b.path)
}
