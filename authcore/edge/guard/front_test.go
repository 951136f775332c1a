package guard

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// ghRefresh has the form of a refresh token.
const ghRefresh = "ghr_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"

// aServer is a server with one request, from nobody that it trusts.
type aServer struct{ kept map[string]any }

func (*aServer) Trusted(*http.Request) bool                { return false }
func (*aServer) Asked(r *http.Request) *url.URL            { return r.URL }
func (*aServer) Client(*http.Request) (netip.Addr, string) { return netip.Addr{}, "" }
func (s *aServer) Get(_ *http.Request, name string) any    { return s.kept[name] }
func (s *aServer) Set(_ *http.Request, name string, v any) { s.kept = map[string]any{name: v} }
func (*aServer) BadRequest(err error) error                { return err }

// takenBy is a handler that is not ours. It keeps the request that it got, and sets one of our cookies.
func takenBy(got *http.Header) NextFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		*got = r.Header.Clone()
		w.Header().Add("Set-Cookie", "gatehouse=theirs")
		w.Header().Add("Set-Cookie", "theirs=1")
		w.WriteHeader(http.StatusOK)
		return nil
	}
}

// TestFront_AnErrorAfterAGuard: handlers for errors get no more than those before them did, and the cookies of a renewal stay on the
// answer.
func TestFront_AnErrorAfterAGuard(t *testing.T) {
	t.Parallel()
	e := NewEdge()
	e.Server, e.Issuers, e.Jars = &aServer{}, new(httpauth.NameSet), [2]*httpauth.Jar{httpauth.NewJar("", false), httpauth.NewJar("", true)}
	for _, gone := range []bool{false, true} {
		r, got, w := httptest.NewRequest(http.MethodGet, "/x", nil), http.Header{}, httptest.NewRecorder()
		r.Header.Set("Authorization", "Bearer "+ghRefresh)
		before := e.newPassage(w, false)
		e.keepBack(before, r, false)
		before.enter(r) // one of ours has failed, or one that is not
		if gone {
			before.leave(r)
		}
		e.Server.Set(r, passageVar, before)
		w.Header().Add("Set-Cookie", "gatehouse=ours")
		if err := e.Front(w, r, takenBy(&got), true); err != nil {
			t.Fatal(err)
		}
		if got.Get("Authorization") != "" {
			t.Errorf("a handler for errors got %v", got)
		}
		if cookies := w.Header()["Set-Cookie"]; !slices.Equal(cookies, []string{"gatehouse=ours", "theirs=1"}) || w.Header().Get("Cache-Control") != "private, no-store" {
			t.Errorf("the browser gets %v", w.Header())
		}
		if e.passageOf(r) == before || e.passageOf(r).authorization == nil {
			t.Error("a guard among the handlers for errors would not see what the request came with")
		}
	}
}
