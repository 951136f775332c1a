package httpauth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	loopLimit  = 2 // of which the first may be somebody who has signed out elsewhere meanwhile
	loopWindow = LoopCookieLife
)

// redirectLoop is what a browser keeps about one page: how often it was sent there signed in and its guard refused it all the
// same. Only that is a loop. Arrivals at the sign-in page do not count, because tabs that are opened together arrive together.
type redirectLoop struct {
	count   int
	pending bool // it has been sent there, and no guard has refused it since
	since   time.Time
	path    string // as HashPath names it
}

// NoteRedirect notes that a browser goes to a page as somebody who is signed in on its host.
func NoteRedirect(h http.Header, r *http.Request, j *Jar, now time.Time, to string) {
	t := readLoop(r, j, now, to)
	t.pending = true
	t.keep(h, j)
}

// NoteRefusal notes that a guard does not take a browser for signed in at a page. Without a note that it was sent there it does not count.
func NoteRefusal(h http.Header, r *http.Request, j *Jar, now time.Time, from string) {
	if LoopCookie.Read(r, j) == "" {
		return
	}
	if t := readLoop(r, j, now, from); t.pending {
		t.count, t.pending = t.count+1, false
		t.keep(h, j)
	}
}

// IsRedirectLoop reports whether that happened so often within a short time that it is no use to send the browser there again.
func IsRedirectLoop(r *http.Request, j *Jar, now time.Time, to string) bool {
	return readLoop(r, j, now, to).count >= loopLimit
}

func readLoop(r *http.Request, j *Jar, now time.Time, at string) redirectLoop {
	fresh := redirectLoop{since: now, path: HashPath(at)}
	former := strings.Split(LoopCookie.Read(r, j), ".")
	if len(former) != 4 || former[3] != fresh.path {
		return fresh
	}
	n, errN := strconv.Atoi(former[0])
	seconds, errAt := strconv.ParseInt(former[2], 10, 64)
	since := time.Unix(seconds, 0)
	if errN != nil || errAt != nil || n < 0 || n > 1000 || since.After(now) || now.Sub(since) > loopWindow {
		return fresh
	}
	return redirectLoop{count: n, pending: former[1] == "1", since: since, path: fresh.path}
}

func (t redirectLoop) keep(h http.Header, j *Jar) {
	pending := 0
	if t.pending {
		pending = 1
	}
	_ = LoopCookie.Set(h, j, fmt.Sprintf("%d.%d.%d.%s", t.count, pending, t.since.Unix(), t.path)) // it is short
}

// HashPath names a page by its path: the cookie is its host's alone, and some services change the query at each turn.
func HashPath(address string) string {
	path := address
	if u, err := url.Parse(address); err == nil {
		path = u.Path
	}
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:6])
}
