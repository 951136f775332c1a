package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var securityLinks = []promise{
	{"the open links of changes of address and number, the earliest event first", openContactLinks},
	{"what a link takes back is sealed anew, unless it has changed", resealLinks},
	{"links are swept an hour after they have expired", sweepLinks},
}

// aSecurityLink is of a change of address some time after the start.
func aSecurityLink(account uuid.UUID, name string, after time.Duration) authcore.SecurityLink {
	return authcore.SecurityLink{ID: uuid.Must(uuid.NewV7()), AccountID: account, TokenDigest: sum("link " + name), Kind: authcore.MailPasswordReset,
		Contact: true, At: start.Add(after), Undo: []byte("sealed " + name), ExpiresAt: start.Add(after + 7*24*time.Hour)}
}

func openContactLinks(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	late, early := aSecurityLink(ada.ID, "late", time.Hour), aSecurityLink(ada.ID, "early", time.Minute)
	used, other, ended := aSecurityLink(ada.ID, "used", 0), aSecurityLink(ada.ID, "other", 0), aSecurityLink(ada.ID, "ended", 0)
	used.UsedAt, other.Contact, ended.ExpiresAt = start, false, start.Add(time.Hour)
	links := []authcore.SecurityLink{late, early, used, other, ended, aSecurityLink(bob.ID, "bob", 0)}
	must(t, s.Record(t.Context(), authcore.Effects{SecurityLinks: links}))
	got, err := s.OpenContactLinks(t.Context(), ada.ID, start.Add(time.Hour))
	if diff := cmp.Diff([]authcore.SecurityLink{early, late}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func resealLinks(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	first, second, third := aSecurityLink(ada.ID, "1", 0), aSecurityLink(ada.ID, "2", 0), aSecurityLink(ada.ID, "3", 0)
	must(t, s.Record(t.Context(), authcore.Effects{SecurityLinks: []authcore.SecurityLink{first, second, third}}))
	must(t, s.ResealLink(t.Context(), first.ID, first.Undo, []byte("anew")))
	must(t, s.ResealLink(t.Context(), second.ID, []byte("other"), []byte("anew")))
	must(t, s.DropLink(t.Context(), third.ID))
	page, err := s.SealedLinks(t.Context(), uuid.Nil, 1)
	if err != nil || len(page) != 1 || string(page[0].Undo) != "anew" {
		t.Fatalf("%+v (%v)", page, err)
	}
	rest, err := s.SealedLinks(t.Context(), page[0].ID, 10)
	if diff := cmp.Diff([]authcore.SecurityLink{second}, rest); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func sweepLinks(t *testing.T, s Store) {
	l := aSecurityLink(withAccount(t, s, "ada").ID, "1", 0)
	must(t, s.Record(t.Context(), authcore.Effects{SecurityLinks: []authcore.SecurityLink{l}}))
	for _, step := range []struct {
		after time.Duration
		stay  int
	}{{spare - time.Microsecond, 1}, {spare, 0}} {
		must(t, s.Sweep(t.Context(), l.ExpiresAt.Add(step.after)))
		if links, err := s.SealedLinks(t.Context(), uuid.Nil, 10); err != nil || len(links) != step.stay {
			t.Errorf("%s after its end: %d links (%v), want %d", step.after, len(links), err, step.stay)
		}
	}
}
