package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
)

const (
	circleWindow = 20 * time.Second
	circleTurns  = 3 // arrivals within the window that make a circle
)

// circles counts how often a browser is sent to sign in for one address, in a cookie of its own, and reports whether it
// goes in circles: three times in 20 seconds, or straight back from a sign-in that has just succeeded. The second is
// known without any cookie, for a browser that keeps none is one of the causes.
func (v *visit) circles(raw string) bool {
	turns, since, now := 1, v.now(), v.now()
	former := strings.Split(httpapi.KeptSent.Read(v.r, v.in.Cookies()), ".")
	if len(former) == 3 && former[2] == place(raw) {
		n, errN := strconv.Atoi(former[0])
		at, errAt := strconv.ParseInt(former[1], 10, 64)
		begun := time.Unix(at, 0)
		if errN == nil && errAt == nil && n > 0 && n < 1000 && !begun.After(now) && now.Sub(begun) <= circleWindow {
			turns, since = n+1, begun
		}
	}
	value := fmt.Sprintf("%d.%d.%s", turns, since.Unix(), place(raw))
	_ = httpapi.KeptSent.Set(v.w.Header(), v.in.Cookies(), value) // it is short
	return turns >= circleTurns || v.sentBack()
}

func (v *visit) now() time.Time { return v.cfg.Now() }

// place names an address without its query, which some services change at each turn.
func place(raw string) string {
	where, _, _ := strings.Cut(raw, "?")
	sum := sha256.Sum256([]byte(where))
	return hex.EncodeToString(sum[:6])
}

// sentBack reports whether the browser was on its way from a sign-in that has just succeeded.
func (v *visit) sentBack() bool {
	from, err := url.Parse(v.r.Header.Get("Referer"))
	return err == nil && httpapi.OriginOf(&http.Request{Host: from.Host}, from.Scheme == "https") == httpapi.OriginOf(v.r, v.in.HTTPS) && from.Path == v.here("/onward")
}

// showCircle tells of the circle in place of another turn, and names what most often causes it.
func (v *visit) showCircle(raw string, signedIn bool) error {
	intro := v.t("circle.intro.out")
	if signedIn {
		intro = v.t("circle.intro.in", "Brand", v.cfg.Brand)
	}
	c := card{Title: v.t("circle.title"), Intro: []string{intro}}
	for _, cause := range v.causes(raw, signedIn) {
		c.Points = append(c.Points, point{v.t("circle." + cause), v.t("circle." + cause + ".text")})
	}
	if signedIn {
		if back := v.back(); back != "" {
			c.Links = append(c.Links, link{back, v.t("circle.again")})
		}
		c.Links = append(c.Links, link{v.here("/account"), v.t("circle.account")})
	} else {
		l := v.loginCard()
		c.Forms, c.Links = l.Forms, l.Links
		c.Forms[0].Fields[0].Focus, c.Forms[0].Fields[1].Focus = false, false
	}
	return v.show(c)
}

// causes lists what can lead in circles, the likeliest first: what can be told from the request comes before what cannot.
func (v *visit) causes(raw string, signedIn bool) []string {
	causes := []string{"cookies", "host", "clock", "guarded"}
	if signedIn {
		causes = []string{"clock", "host", "guarded"}
	}
	first := func(cause string) {
		rest := []string{cause}
		for _, c := range causes {
			if c != cause {
				rest = append(rest, c)
			}
		}
		causes = rest
	}
	to, err := url.Parse(raw)
	switch {
	case err != nil:
	case httpapi.Under(v.prefix, to.Path):
		first("guarded")
	case to.Host != "" && !strings.EqualFold(to.Host, v.r.Host):
		first("host")
	}
	from := v.r.Header.Get("Referer")
	if v.in.HTTPS && (strings.HasPrefix(from, "http://") || err == nil && to.Scheme == "http") {
		first("http")
	}
	return causes
}
