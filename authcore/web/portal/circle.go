package portal

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// circles reports whether a browser goes in circles: sent on and refused twice, or straight back from a sign-in that has just
// succeeded. The second is known without any cookie, for a browser that keeps none is one of the causes.
func (v *visit) circles(raw string) bool {
	return httpauth.IsRedirectLoop(v.r, v.in.Cookies(), v.now(), raw) || v.sentBack()
}

func (v *visit) now() time.Time { return v.cfg.Now() }

// sendOnward notes that the browser goes to a page of this host's. Another host notes it for itself.
func (v *visit) sendOnward(to string) {
	if httpauth.OtherOrigin(v.r, to) != "" {
		return
	}
	httpauth.NoteRedirect(v.w.Header(), v.r, v.in.Cookies(), v.now(), to)
}

func (v *visit) dropSent() {
	if httpauth.LoopCookie.Read(v.r, v.in.Cookies()) != "" {
		httpauth.LoopCookie.Clear(v.w.Header(), v.in.Cookies())
	}
}

// sentBack reports whether the browser was on its way from a sign-in that has just succeeded.
func (v *visit) sentBack() bool {
	from, err := url.Parse(v.r.Header.Get("Referer"))
	return err == nil && httpauth.OriginOf(&http.Request{Host: from.Host}, from.Scheme == "https") == httpauth.OriginOf(v.r, v.in.HTTPS) && from.Path == v.here("/onward")
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
	if back := v.back(); signedIn && back != "" {
		c.Links = append(c.Links, link{back, v.t("circle.again")})
	}
	switch {
	case v.prefix == httpauth.HostPrefix: // the pages are on another host
	case signedIn:
		c.Links = append(c.Links, link{v.here("/account"), v.t("circle.account")})
	default:
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
	case httpauth.HasPrefix(v.prefix, to.Path):
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
