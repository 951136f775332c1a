package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var connections = []promise{
	{"a person at a provider is connected once", connectionIsOne},
	{"of a hundred who connect one person one does", connectionRace},
	{"an account has so many", connectionLimit},
	{"a sign-in notes what the provider says", connectionUse},
	{"roles of a provider are apart from those of administrators", connectionRoles},
	{"who was disconnected is remembered", disconnection},
	{"a disabled account is not connected", connectionDisabled},
	{"of a hundred who sign up by one person one does", connectionSignUpRace},
	{"a start is good once, in its browser", startOnce},
	{"of a hundred who take a start one does", startRace},
	{"a social token is changed by who has read it", socialTokens},
	{"of a hundred who take a token one does", usedTokenRace},
	{"a provider ends its sessions", providerLogout},
	{"a step-up keeps the provider's session", providerStepUp},
	{"a provider ends the sign-ins that wait", providerEndsWaiting},
	{"of a hundred logouts and second steps none leaves a session", providerLogoutRace},
}

const issuer = "https://id.example.com"

func aConnection(a authcore.Account, subject string) authcore.Connection {
	return authcore.Connection{ID: uuid.Must(uuid.NewV7()), AccountID: a.ID, Provider: "acme", Issuer: issuer, Subject: subject, Email: "x@y.example",
		Name: "Zoë 山田", Roles: nil, MadeSignedIn: true, ConnectedAt: start}
}

func noEffects(authcore.Account) (authcore.Effects, error) { return authcore.Effects{}, nil }

func connecting(c authcore.Connection) authcore.Connecting {
	return authcore.Connecting{Connection: c, Effects: noEffects, Now: start}
}

func connected(t testing.TB, s Store, a authcore.Account, subject string) authcore.Connection {
	t.Helper()
	c := aConnection(a, subject)
	_, err := s.Connect(t.Context(), connecting(c))
	must(t, err)
	return c
}

func disconnecting(c authcore.Connection) authcore.Disconnecting {
	return authcore.Disconnecting{AccountID: c.AccountID, ID: c.ID, May: func(authcore.Account, []authcore.Factor, []authcore.Connection) error { return nil },
		Effects: func(authcore.Account, authcore.Connection) (authcore.Effects, error) { return authcore.Effects{}, nil }, Now: start}
}

// fillConnections puts rows into the tables of connections.
func fillConnections(t testing.TB, s Store, ada, plain authcore.Account) {
	t.Helper()
	must(t, s.ChangeSetting(t.Context(), aSettingChange(1, "access_lifetime", 5*time.Minute, time.Minute), authcore.Effects{}))
	must(t, s.Disconnect(t.Context(), disconnecting(connected(t, s, ada, "former"))))
	granted(t, s, ada, "1", "sealed")
	st := aStart("state", "browser")
	st.AccountID, st.SessionID = ada.ID, uuid.New()
	must(t, s.SaveSocialStart(t.Context(), st))
	must(t, s.SaveSocialStart(t.Context(), aStart("other", "browser")))
	must(t, s.SaveSocialToken(t.Context(), aSocialToken("token")))
	must(t, s.UseToken(t.Context(), sum("once"), start))
	o := anOpening(plain, "by provider", "")
	o.Provider = &authcore.ProviderSession{Provider: "acme", Issuer: issuer, Subject: "2", SID: "sid"}
	opened(t, s, o)
}

func connectionIsOne(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	_, _, former, err := s.ConnectionOf(t.Context(), issuer, "1")
	if wants(t, err, authcore.ErrNotFound); former {
		t.Error("it is a former one")
	}
	c := connected(t, s, ada, "1")
	got, a, _, err := s.ConnectionOf(t.Context(), issuer, "1")
	if must(t, err); a.ID != ada.ID || fmt.Sprint(got) != fmt.Sprint(c) {
		t.Errorf("%+v, want %+v", got, c)
	}
	for _, who := range []authcore.Account{ada, bob} {
		_, err = s.Connect(t.Context(), connecting(aConnection(who, "1")))
		wants(t, err, authcore.ErrConnected)
	}
	other := aConnection(bob, "1")
	other.Issuer = issuer + "/"
	_, err = s.Connect(t.Context(), connecting(other))
	must(t, err)
	refused := connecting(aConnection(bob, "2"))
	refused.May = func(authcore.Account, []authcore.Connection) error { return authcore.ErrInvitation }
	_, err = s.Connect(t.Context(), refused)
	wants(t, err, authcore.ErrInvitation)
	if list, err := s.AccountConnections(t.Context(), bob.ID); err != nil || len(list) != 1 {
		t.Errorf("%+v (%v)", list, err)
	}
}

func connectionRace(t *testing.T, s Store) {
	accounts := []authcore.Account{withAccount(t, s, "ada"), withAccount(t, s, "bob")}
	errs := atOnce(100, func(i int) error {
		_, err := s.Connect(t.Context(), connecting(aConnection(accounts[i%2], "1")))
		return err
	})
	win(t, 1, authcore.ErrConnected, errs)
}

func connectionLimit(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	errs := atOnce(100, func(i int) error {
		_, err := s.Connect(t.Context(), connecting(aConnection(ada, fmt.Sprint(i))))
		return err
	})
	win(t, authcore.MaxConnections, authcore.ErrTooManyConnections, errs)
}

func connectionUse(t *testing.T, s Store) {
	a := anAccount("ada")
	a.FirstName, a.Fields = "", map[string]any{"team": "own"}
	must(t, s.CreateAccount(t.Context(), a, idsOf(a), authcore.Effects{}))
	c := connected(t, s, a, "1")
	got, err := s.UseConnection(t.Context(), authcore.ConnectionUse{ID: c.ID, Email: "new@example.com", Name: "New", FirstName: "First", LastName: "Other",
		Fields: map[string]any{"team": "theirs", "age": 7.0}, Now: start.Add(time.Minute)})
	if must(t, err); got.FirstName != "First" || got.LastName != a.LastName || got.Fields["team"] != "own" || got.Fields["age"] != 7.0 || got.Email != a.Email {
		t.Errorf("%+v", got)
	}
	list, err := s.AccountConnections(t.Context(), a.ID)
	if must(t, err); list[0].Email != "new@example.com" || list[0].Name != "New" || !list[0].LastUsedAt.Equal(start.Add(time.Minute)) {
		t.Errorf("%+v", list)
	}
	_, err = s.UseConnection(t.Context(), authcore.ConnectionUse{ID: uuid.New(), Now: start})
	wants(t, err, authcore.ErrNotFound)
}

func connectionRoles(t *testing.T, s Store) {
	a := anAccount("ada")
	a.Roles = []string{"own"}
	must(t, s.CreateAccount(t.Context(), a, idsOf(a), authcore.Effects{}))
	c := connected(t, s, a, "1")
	use := func(roles ...string) []string {
		t.Helper()
		got, err := s.UseConnection(t.Context(), authcore.ConnectionUse{ID: c.ID, Roles: roles, Now: start})
		must(t, err)
		return got.Roles
	}
	if got := use("theirs", "own"); !slices.Equal(got, []string{"own", "theirs"}) {
		t.Error(got)
	}
	change := authcore.RolesChange{AccountID: a.ID, Remove: []string{"own"}, Add: []string{"more"}, Now: start}
	if got, err := s.ChangeRoles(t.Context(), change); err != nil || !slices.Equal(got.Roles, []string{"more", "theirs", "own"}) {
		t.Errorf("%v %v", got.Roles, err)
	}
	before, err := s.AccountByID(t.Context(), a.ID)
	must(t, err)
	if got := use(); !slices.Equal(got, []string{"more"}) {
		t.Error(got)
	}
	after, err := s.AccountByID(t.Context(), a.ID)
	if must(t, err); after.RolesVersion <= before.RolesVersion {
		t.Error("tokens with the roles of before are not renewed")
	}
	use("theirs")
	must(t, s.Disconnect(t.Context(), disconnecting(c)))
	if after, err = s.AccountByID(t.Context(), a.ID); err != nil || !slices.Equal(after.Roles, []string{"more"}) {
		t.Errorf("%v %v", after.Roles, err)
	}
}

func disconnection(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	c := connected(t, s, ada, "1")
	foreign := disconnecting(c)
	foreign.AccountID = bob.ID
	wants(t, s.Disconnect(t.Context(), foreign), authcore.ErrNotFound)
	last := disconnecting(c)
	last.May = func(_ authcore.Account, _ []authcore.Factor, left []authcore.Connection) error {
		if len(left) == 0 {
			return authcore.ErrLastAdmin
		}
		return nil
	}
	wants(t, s.Disconnect(t.Context(), last), authcore.ErrLastAdmin)
	counts := countErrors(t, atOnce(100, func(int) error { return s.Disconnect(t.Context(), disconnecting(c)) }))
	if counts[nil] != 1 {
		t.Errorf("%v, want one", counts)
	}
	_, _, former, err := s.ConnectionOf(t.Context(), issuer, "1")
	if wants(t, err, authcore.ErrNotFound); !former {
		t.Error("it is not remembered")
	}
	connected(t, s, bob, "1")
	if _, _, former, err = s.ConnectionOf(t.Context(), issuer, "1"); err != nil || former {
		t.Errorf("%v %v", former, err)
	}
}

func connectionDisabled(t *testing.T, s Store) {
	a := anAccount("ada")
	a.Roles = nil
	must(t, s.CreateAccount(t.Context(), a, idsOf(a), authcore.Effects{}))
	c := connected(t, s, a, "1")
	_, err := s.ChangeDisabled(t.Context(), aDisabling(a, true))
	must(t, err)
	_, err = s.Connect(t.Context(), connecting(aConnection(a, "2")))
	wants(t, err, authcore.ErrNotFound)
	_, err = s.UseConnection(t.Context(), authcore.ConnectionUse{ID: c.ID, Now: start})
	wants(t, err, authcore.ErrNotFound)
	wants(t, s.Disconnect(t.Context(), disconnecting(c)), authcore.ErrNotFound)
}

// connectedSignUp is a sign-up by a provider with a social token.
func connectedSignUp(a authcore.Account, subject string, token uuid.UUID) authcore.SignUp {
	c := aConnection(a, subject)
	e := aSignUp(authcore.Challenge{}, a)
	e.Connection, e.SocialToken = &c, token
	return e
}

func connectionSignUpRace(t *testing.T, s Store) {
	token := aSocialToken("token")
	must(t, s.SaveSocialToken(t.Context(), token))
	errs := atOnce(100, func(i int) error {
		_, _, err := s.SignUpConnected(t.Context(), connectedSignUp(anAccount(fmt.Sprint("ada", i)), "1", token.ID))
		return err
	})
	if counts := countErrors(t, errs); counts[nil] != 1 {
		t.Errorf("%v, want one", counts)
	}
	errs = atOnce(100, func(i int) error {
		_, _, err := s.SignUpConnected(t.Context(), connectedSignUp(anAccount(fmt.Sprint("bob", i)), "2", uuid.Nil))
		return err
	})
	win(t, 1, authcore.ErrConnected, errs)
}
