package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// managedContacts are the promises about addresses and numbers that administrators set.
var managedContacts = []promise{
	{"an address that an administrator sets is unverified, ends every session and code, and is nobody's prey", setAddress},
	{"of a hundred accounts that are given one address at once one gets it", oneAddressOnce},
}

func setContact(s Store, t *testing.T, account uuid.UUID, set ...authcore.ContactSet) (authcore.ManagedAccount, error) {
	return s.ChangeManaged(t.Context(), authcore.ManagedChange{AccountID: account, Ends: true, Now: start.Add(time.Second),
		Decide: func(authcore.ManagedAccount) (authcore.ManagedEdit, error) {
			return authcore.ManagedEdit{Contacts: set}, nil
		}})
}

func setAddress(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	ch := resetChallenge(t, s, ada)
	now, err := setContact(s, t, ada.ID, authcore.ContactSet{Kind: authcore.KindEmail, Value: "new@example.com", Unique: true, Effects: mails(1)},
		authcore.ContactSet{Kind: authcore.KindPhone, Value: "+4366412345678"})
	must(t, err)
	if now.Email != "new@example.com" || now.EmailVerified() || now.Phone != "+4366412345678" || now.Epoch <= ada.Epoch || !now.MadeByOperator ||
		!now.EmailSetAt.Equal(start.Add(time.Second)) || !now.PhoneSetAt.Equal(start.Add(time.Second)) || now.Version() == (authcore.ManagedAccount{Account: ada}).Version() {
		t.Errorf("the account has %+v", now.Account)
	}
	if _, err := s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start); !errors.Is(err, authcore.ErrNotFound) {
		t.Errorf("a link that went to the former address: %v", err)
	}
	for value, want := range map[string]error{"new@example.com": nil, ada.Email: authcore.ErrNotFound} {
		if _, err := s.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: value}); !errors.Is(err, want) {
			t.Errorf("by %s: %v", value, err)
		}
	}
	var taken *authcore.TakenError
	bob := withAccount(t, s, "bob")
	if _, err := setContact(s, t, bob.ID, authcore.ContactSet{Kind: authcore.KindEmail, Value: ada.Email, Unique: true}); !errors.As(err, &taken) {
		t.Errorf("an address that was another's: %v", err)
	}
	gone, err := setContact(s, t, ada.ID, authcore.ContactSet{Kind: authcore.KindEmail, Unique: true})
	if must(t, err); gone.Email != "" || !gone.EmailSetAt.IsZero() {
		t.Errorf("removed: %+v", gone.Account)
	}
}

func oneAddressOnce(t *testing.T, s Store) {
	var all []authcore.Account
	for _, name := range []string{"ada", "bob", "cleo", "dora"} {
		all = append(all, withAccount(t, s, name))
	}
	for _, err := range atOnce(100, func(i int) error {
		_, err := setContact(s, t, all[i%len(all)].ID, authcore.ContactSet{Kind: authcore.KindEmail, Value: "one@example.com", Unique: true})
		return err
	}) {
		var taken *authcore.TakenError
		if err != nil && !errors.As(err, &taken) {
			t.Error(err)
		}
	}
	have := 0
	for _, a := range all {
		if now, err := s.AccountByID(t.Context(), a.ID); err == nil && now.Email == "one@example.com" {
			have++
		}
	}
	if have != 1 {
		t.Errorf("%d accounts have the address", have)
	}
}
