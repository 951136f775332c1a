package portal

import (
	"net/url"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// lost tells why nobody is led back to raw. The word comes with the address where a guard has left out what is too long; it only
// chooses among texts.
func (v *visit) lost(raw string) httpauth.DropReason {
	_, why := v.returnTo(raw)
	if why == httpauth.NoReturn && v.r.URL.Query().Get("lost") == string(httpauth.LongReturn) {
		return httpauth.LongReturn
	}
	return why
}

// lostNotice is what a page says of it; "" for nothing: to who is about to sign in, and to who has arrived elsewhere.
func (v *visit) lostNotice() string {
	why := v.pending().lost
	if why != "" {
		v.dropPending()
	} else if why = v.lost(v.wanted()); why == "" {
		return ""
	}
	if id := "lost." + string(why); v.has(id) {
		return v.t(id)
	}
	return ""
}

// tellLost tells the operator where a sign-in could not lead, and what to configure if it should.
func (v *visit) tellLost(raw string, why httpauth.DropReason) {
	to, err := url.Parse(raw)
	if err != nil || len(to.Host) > 255 {
		to = &url.URL{}
	}
	remedy := "none: the address is not a valid return address"
	switch why {
	case httpauth.ForeignReturn:
		remedy = "if the host is yours, list it with its port in redirect_hosts, or in the address of its site with gatehouse_guard; if a proxy in " +
			"front ends TLS or uses other ports, set issuer to the address that browsers use and list the proxy in trusted_proxies"
	case httpauth.PlainReturn:
		remedy = "serve the page over https; if a proxy in front ends TLS, list the proxy in trusted_proxies"
	}
	if v.strays.news(string(why)+" "+to.Host, v.now()) {
		v.cfg.Logger.WarnContext(v.r.Context(), "could not lead a user back after sign-in",
			"reason", string(why), "host", to.Host, "remedy", remedy)
	}
}

const (
	strayRest = time.Hour
	mostStray = 32
)

// strays are the hosts of which the log was told. Anybody can ask to be led anywhere: each is told once an hour, and so many at most.
type strays struct {
	mu   sync.Mutex
	told map[string]time.Time
}

func (s *strays) news(host string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h, at := range s.told {
		if now.Sub(at) >= strayRest {
			delete(s.told, h)
		}
	}
	if _, known := s.told[host]; known || len(s.told) >= mostStray {
		return false
	}
	if s.told == nil {
		s.told = map[string]time.Time{}
	}
	s.told[host] = now
	return true
}
