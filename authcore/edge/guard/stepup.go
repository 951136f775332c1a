package guard

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// askForMore answers a user whom the rules let in, but not by this sign-in: it is by one kind of proof only, or too long ago. A browser
// that navigates is led to where its user gives what is missing, and back; everything else learns by RFC 9470 what that is. A form goes
// no further and is never sent again by itself: its page leads there.
func (g *Guard) askForMore(w http.ResponseWriter, r *http.Request, asked access.Request, https bool) error {
	lacking := g.Policy.Lacking(asked, "")
	if httpauth.Navigates(r) {
		g.Counts.Refused(lacking)
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Location", StepUpURL(g.signInURL(r, https), lacking))
		h.Add("Vary", httpauth.NavigationVary)
		w.WriteHeader(http.StatusFound)
		return nil
	}
	// A program says this URL to a person, whose browser comes back to the host and not to what the program has called.
	at := g.Login
	if strings.HasPrefix(at, "/") {
		at = httpauth.OriginOf(g.AsBrowsersSee(r, https), https) + at
	}
	lacking.StepUpURL = StepUpURL(at, lacking)
	return g.refuse(w, r, lacking, asked.Who.Verified, https)
}

// StepUpURL adds to the address of the sign-in page what the sign-in must have, by the names of RFC 9470 §4.
func StepUpURL(login string, lacking *authcore.Error) string {
	query := url.Values{}
	if lacking.Code == authcore.MFARequired {
		query.Set("acr_values", authcore.ACRMulti)
	}
	if lacking.MaxAge > 0 {
		query.Set("max_age", strconv.FormatInt(int64(lacking.MaxAge/time.Second), 10))
	}
	sep := "?"
	if strings.Contains(login, "?") {
		sep = "&"
	}
	return login + sep + query.Encode()
}
