package portal

import (
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// isRedirectLoop reports whether a browser goes in circles: sent on and refused twice, or straight back from a sign-in that has just
// succeeded. The second is known without any cookie, for a browser that keeps none is one of the causes.
func isRedirectLoop(q *page.Request, raw string) bool {
	return httpauth.IsRedirectLoop(q.R, q.Info.Cookies(), q.Now(), raw) || sentBack(q)
}

// noteRedirect notes that the browser goes to a page of this host's. Another host notes it for itself.
func noteRedirect(q *page.Request, to string) {
	if httpauth.OtherOrigin(q.R, to) != "" {
		return
	}
	httpauth.NoteRedirect(q.W.Header(), q.R, q.Info.Cookies(), q.Now(), to)
}

// sentBack reports whether the browser was on its way from a sign-in that has just succeeded.
func sentBack(q *page.Request) bool {
	from, err := url.Parse(q.R.Header.Get("Referer"))
	return err == nil && page.OriginOf(from) == q.Origin() && from.Path == q.Path(continuePath)
}

// showRedirectLoop tells of the loop in place of another turn, and names what most often causes it. login is the sign-in page of this
// host; nil where it is on another.
func showRedirectLoop(q *page.Request, raw string, signedIn bool, login func(*page.Request) page.View) error {
	intro := q.T("redirectloop.intro.out")
	if signedIn {
		intro = q.T("redirectloop.intro.in", "Brand", q.Brand)
	}
	v := page.View{Title: q.T("redirectloop.title"), Intro: []string{intro}}
	for _, cause := range causes(q, raw, signedIn) {
		v.Points = append(v.Points, page.Point{Title: q.T("redirectloop." + cause), Text: q.T("redirectloop." + cause + ".text")})
	}
	if to := q.ReturnTo(); signedIn && to != "" {
		v.Links = append(v.Links, page.Link{To: to, Text: q.T("redirectloop.again")})
	}
	switch {
	case login == nil: // the pages are on another host
	case signedIn:
		v.Links = append(v.Links, page.Link{To: q.Path("/account"), Text: q.T("redirectloop.account")})
	default:
		l := login(q)
		v.Forms, v.Links = l.Forms, l.Links
		v.Forms[0].Fields[0].Focus, v.Forms[0].Fields[1].Focus = false, false
	}
	return q.Show(v)
}

// causes lists what can lead in circles, the likeliest first: what can be told from the request comes before what cannot.
func causes(q *page.Request, raw string, signedIn bool) []string {
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
	case httpauth.HasPrefix(q.Prefix, to.Path):
		first("guarded")
	case to.Host != "" && !strings.EqualFold(to.Host, q.R.Host):
		first("host")
	}
	from := q.R.Header.Get("Referer")
	if q.Info.HTTPS && (strings.HasPrefix(from, "http://") || err == nil && to.Scheme == "http") {
		first("http")
	}
	return causes
}
