package httpapi

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
	circleTurns  = 2 // of which the first may be somebody who has signed out elsewhere meanwhile
	circleWindow = KeptSentLife
)

// turns is what a browser keeps of its way to a page: how often it was sent there signed in, and its guard refused it all the same.
// That alone is a circle. Arrivals at the sign-in page are none, for tabs that are opened together arrive together.
type turns struct {
	count  int
	onward bool // it has been sent there, and no guard has refused it since
	since  time.Time
	place  string
}

// SentOnward notes that a browser goes to a page as somebody who is signed in on its host.
func SentOnward(h http.Header, r *http.Request, j *Jar, now time.Time, to string) {
	t := readTurns(r, j, now, to)
	t.onward = true
	t.keep(h, j)
}

// SentBack notes that a guard does not take a browser for signed in at a page. Without a note that it was sent there it is no turn.
func SentBack(h http.Header, r *http.Request, j *Jar, now time.Time, from string) {
	if KeptSent.Read(r, j) == "" {
		return
	}
	if t := readTurns(r, j, now, from); t.onward {
		t.count, t.onward = t.count+1, false
		t.keep(h, j)
	}
}

// GoesInCircles reports whether that happened so often, within a short time, that to send a browser there again is of no use.
func GoesInCircles(r *http.Request, j *Jar, now time.Time, to string) bool {
	return readTurns(r, j, now, to).count >= circleTurns
}

func readTurns(r *http.Request, j *Jar, now time.Time, at string) turns {
	fresh := turns{since: now, place: PlaceOf(at)}
	former := strings.Split(KeptSent.Read(r, j), ".")
	if len(former) != 4 || former[3] != fresh.place {
		return fresh
	}
	n, errN := strconv.Atoi(former[0])
	seconds, errAt := strconv.ParseInt(former[2], 10, 64)
	since := time.Unix(seconds, 0)
	if errN != nil || errAt != nil || n < 0 || n > 1000 || since.After(now) || now.Sub(since) > circleWindow {
		return fresh
	}
	return turns{count: n, onward: former[1] == "1", since: since, place: fresh.place}
}

func (t turns) keep(h http.Header, j *Jar) {
	onward := 0
	if t.onward {
		onward = 1
	}
	_ = KeptSent.Set(h, j, fmt.Sprintf("%d.%d.%d.%s", t.count, onward, t.since.Unix(), t.place)) // it is short
}

// PlaceOf names a page by its path: the cookie is its host's alone, and some services change the query at each turn.
func PlaceOf(address string) string {
	path := address
	if u, err := url.Parse(address); err == nil {
		path = u.Path
	}
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:6])
}
