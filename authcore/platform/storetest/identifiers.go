package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var identifiers = []promise{
	{"a value has one account", identifierUnique},
	{"a name once used is never given to another", identifierHistory},
	{"a name can be taken back by its own account", identifierReturn},
	{"names that are no identifiers need not be unique", identifierUnlisted},
	{"claiming: the oldest account gets it", claimOldest},
	{"claiming: a verified address goes before an unverified one", claimProven},
	{"a number is claimed like a name, and found", identifierPhone},
	{"claiming: of numbers only verified ones", claimPhones},
	{"another contact number is not a verified one", contactNumber},
	{"claiming walks through more than one page and is repeatable", claimPages},
}

func profileName(t testing.TB, s Store, a authcore.Account, name string, claim bool) error {
	t.Helper()
	_, err := s.UpdateProfile(t.Context(), a.ID, authcore.ProfileChange{Username: &name}, claim, start, authcore.Effects{})
	return err
}

func identifierUnique(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	b := anAccount("berta")
	b.Username = "anna"
	wantsTaken(t, s.CreateAccount(t.Context(), b, idsOf(b), authcore.Effects{}), authcore.KindUsername)
	for other, want := range map[uuid.UUID]bool{a.ID: false, b.ID: true, uuid.Nil: true} {
		if taken, err := s.IdentifierTaken(t.Context(), username("anna"), other); err != nil || taken != want {
			t.Errorf("taken for %v: %v (%v), want %v", other, taken, err, want)
		}
	}
	if taken, err := s.IdentifierTaken(t.Context(), username("free"), uuid.Nil); err != nil || taken {
		t.Errorf("a free name is taken: %v (%v)", taken, err)
	}
	// The kinds are worlds of their own.
	if taken, err := s.IdentifierTaken(t.Context(), email("anna"), uuid.Nil); err != nil || taken {
		t.Errorf("a username takes an address: %v (%v)", taken, err)
	}
}

func identifierHistory(t *testing.T, s Store) {
	a, b := withAccount(t, s, "anna"), withAccount(t, s, "berta")
	must(t, profileName(t, s, a, "anna2", true))
	_, err := s.AccountByIdentifier(t.Context(), username("anna"))
	wants(t, err, authcore.ErrNotFound)
	if got, err := s.AccountByIdentifier(t.Context(), username("anna2")); err != nil || got.ID != a.ID {
		t.Fatalf("the new name finds %v (%v)", got.ID, err)
	}
	wantsTaken(t, profileName(t, s, b, "anna", true), authcore.KindUsername)
	if got, err := s.AccountByIdentifier(t.Context(), username("berta")); err != nil || got.ID != b.ID {
		t.Errorf("a refused change lost the old name: %v (%v)", got.ID, err)
	}
	c := anAccount("carla")
	c.Username = "anna"
	wantsTaken(t, s.CreateAccount(t.Context(), c, idsOf(c), authcore.Effects{}), authcore.KindUsername)
	if taken, err := s.IdentifierTaken(t.Context(), username("anna"), b.ID); err != nil || !taken {
		t.Errorf("taken: %v (%v), want true", taken, err)
	}
}

func identifierReturn(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	for _, name := range []string{"anna2", "", "anna"} {
		must(t, profileName(t, s, a, name, true))
	}
	if got, err := s.AccountByIdentifier(t.Context(), username("anna")); err != nil || got.ID != a.ID {
		t.Errorf("finds %v (%v)", got.ID, err)
	}
	_, err := s.AccountByIdentifier(t.Context(), username("anna2"))
	wants(t, err, authcore.ErrNotFound)
}

func identifierUnlisted(t *testing.T, s Store) {
	a, b := withAccount(t, s, "anna"), withAccount(t, s, "berta")
	must(t, profileName(t, s, b, "anna", false))
	if got, err := s.AccountByIdentifier(t.Context(), username("anna")); err != nil || got.ID != a.ID {
		t.Errorf("finds %v (%v), want the account that claimed it", got.ID, err)
	}
	_, err := s.AccountByIdentifier(t.Context(), username("berta"))
	wants(t, err, authcore.ErrNotFound)
}

func unclaimed(t testing.TB, s Store, name string, age time.Duration) authcore.Account {
	t.Helper()
	a := anAccount(name)
	a.CreatedAt = start.Add(-age)
	must(t, s.CreateAccount(t.Context(), a, nil, authcore.Effects{}))
	return a
}

func claimOldest(t *testing.T, s Store) {
	var want authcore.Account
	for age := range 5 {
		a := unclaimed(t, s, "same", time.Duration((age*3)%5)*time.Hour) // not in order of age
		if (age*3)%5 == 4 {
			want = a
		}
	}
	_, err := s.AccountByIdentifier(t.Context(), username("same"))
	wants(t, err, authcore.ErrNotFound)
	n, err := s.ClaimIdentifiers(t.Context(), []authcore.IdentifierKind{authcore.KindUsername}, start)
	if err != nil || n != 4 {
		t.Errorf("%d conflicts (%v), want 4", n, err)
	}
	if got, err := s.AccountByIdentifier(t.Context(), username("same")); err != nil || got.ID != want.ID {
		t.Errorf("finds the account made at %v (%v), want %v", got.CreatedAt, err, want.CreatedAt)
	}
	_, err = s.AccountByIdentifier(t.Context(), email("same@example.com"))
	wants(t, err, authcore.ErrNotFound)
}

func claimProven(t *testing.T, s Store) {
	squatter := anAccount("same")
	squatter.EmailVerifiedAt, squatter.CreatedAt = time.Time{}, start.Add(-99*time.Hour)
	must(t, s.CreateAccount(t.Context(), squatter, nil, authcore.Effects{}))
	owner := unclaimed(t, s, "same", time.Hour)
	n, err := s.ClaimIdentifiers(t.Context(), []authcore.IdentifierKind{authcore.KindEmail}, start)
	if err != nil || n != 1 {
		t.Errorf("%d conflicts (%v), want 1", n, err)
	}
	if got, err := s.AccountByIdentifier(t.Context(), email("same@example.com")); err != nil || got.ID != owner.ID {
		t.Errorf("finds %v (%v), want the owner %v", got.ID, err, owner.ID)
	}
}

func phone(value string) authcore.Identifier {
	return authcore.Identifier{Kind: authcore.KindPhone, Value: value}
}

func identifierPhone(t *testing.T, s Store) {
	a, b := anAccount("anna"), anAccount("berta") // of one number
	a.PhoneVerifiedAt = start
	ids := append(idsOf(a), phone(a.Phone))
	must(t, s.CreateAccount(t.Context(), a, ids, authcore.Effects{}))
	wantsTaken(t, s.CreateAccount(t.Context(), b, append(idsOf(b), phone(b.Phone)), authcore.Effects{}), authcore.KindPhone)
	got, err := s.AccountByIdentifier(t.Context(), phone(a.Phone))
	if err != nil || got.ID != a.ID || !got.PhoneVerified() {
		t.Errorf("finds %+v (%v)", got, err)
	}
}

func claimPhones(t *testing.T, s Store) {
	unclaimed(t, s, "squatter", 99*time.Hour) // its number is a contact number
	owner := anAccount("owner")
	owner.PhoneVerifiedAt = start
	must(t, s.CreateAccount(t.Context(), owner, nil, authcore.Effects{}))
	n, err := s.ClaimIdentifiers(t.Context(), []authcore.IdentifierKind{authcore.KindPhone}, start)
	if err != nil || n != 0 {
		t.Errorf("%d conflicts (%v), want none", n, err)
	}
	if got, err := s.AccountByIdentifier(t.Context(), phone(owner.Phone)); err != nil || got.ID != owner.ID {
		t.Errorf("finds %v (%v), want the owner %v", got.ID, err, owner.ID)
	}
}

func contactNumber(t *testing.T, s Store) {
	a := anAccount("anna")
	a.PhoneVerifiedAt = start
	must(t, s.CreateAccount(t.Context(), a, idsOf(a), authcore.Effects{}))
	for _, number := range []string{a.Phone, "+4930999", a.Phone} { // once it was another, it is to be verified again
		got, err := s.UpdateProfile(t.Context(), a.ID, authcore.ProfileChange{Phone: &number}, false, start, authcore.Effects{})
		must(t, err)
		if want := number == a.Phone && a.PhoneVerified(); got.PhoneVerified() != want {
			t.Errorf("%q: verified %v, want %v", number, got.PhoneVerified(), want)
		}
		a = got
	}
}

func claimPages(t *testing.T, s Store) {
	names := []string{"a", "b", "c"}
	const many = 1100
	errs := atOnce(8, func(worker int) error {
		for i := worker; i < many; i += 8 {
			a := authcore.Account{ID: uuid.New(), CreatedAt: start.Add(time.Duration(i/3) * time.Second), UpdatedAt: start}
			if i >= many-len(names) {
				a.Username = names[many-i-1]
			}
			if err := s.CreateAccount(t.Context(), a, nil, authcore.Effects{}); err != nil {
				return err
			}
		}
		return nil
	})
	countErrors(t, errs)
	kinds := []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername}
	noted := func(want bool, kinds ...authcore.IdentifierKind) {
		t.Helper()
		if got, err := s.ClaimedIdentifiers(t.Context(), kinds); err != nil || got != want {
			t.Errorf("%q are claimed: %v (%v), want %v", kinds, got, err, want)
		}
	}
	noted(false, kinds...)
	for range 2 {
		if n, err := s.ClaimIdentifiers(t.Context(), kinds, start); err != nil || n != 0 {
			t.Fatalf("%d conflicts (%v), want none", n, err)
		}
		noted(true, kinds...)
		noted(true, kinds[1], kinds[0])
		noted(false, kinds[0])
	}
	for _, name := range names {
		if _, err := s.AccountByIdentifier(t.Context(), username(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
