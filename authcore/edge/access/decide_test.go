package access_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
)

// noKeys verifies nothing: the tests bring principals.
type noKeys struct{}

func (noKeys) Set() *jwtkeys.KeySet { return nil }
func (noKeys) UnknownKey()          {}

// users makes users of principals.
func users(tb testing.TB) func(authcore.Principal) httpauth.Result {
	tb.Helper()
	v, err := accesstoken.New(accesstoken.Config{Keys: noKeys{}, Revocations: revocation.NewSet(nil), Now: time.Now})
	if err != nil {
		tb.Fatal(err)
	}
	return func(p authcore.Principal) httpauth.Result {
		if p.AuthTime.IsZero() {
			p.AuthTime = signedInAt
		}
		p.AccountID, p.ExpiresAt = uuid.MustParse(p.Subject), time.Now().Add(time.Hour)
		return httpauth.Result{Verified: v.Admit(p)}
	}
}

var signedInAt = time.Date(2026, 11, 29, 14, 0, 0, 0, time.UTC)

const ada = "0198c2f4-7a11-7cc2-9d4e-111111111111"

func TestDecide(t *testing.T) {
	t.Parallel()
	admit := users(t)
	staff := admit(authcore.Principal{Subject: ada, Email: "ada@example.com", Roles: []string{"user", "staff"}})
	plain := admit(authcore.Principal{Subject: ada})
	renewed := staff
	renewed.Renewed = true
	nobody := authcore.Refuse(authcore.AuthenticationRequired, "Sign in first.")
	away := authcore.Refuse(authcore.Unavailable, "Later.")
	foreign := authcore.Refuse(authcore.CrossOrigin, "No.")
	roles := func(words ...string) access.Rule { return access.Rule{Roles: words} }
	rules := func(all ...access.Rule) access.Policy { return access.Policy{Rules: all} }
	optional := access.Policy{Optional: true}
	multi := admit(authcore.Principal{Subject: ada, Roles: []string{"staff"}, AMR: []string{"pwd", "otp", "mfa"}})
	unsaid := admit(authcore.Principal{Subject: ada, AuthTime: time.Unix(0, 0)})
	after := func(who httpauth.Result, d time.Duration) access.Request {
		return access.Request{Who: who, Now: signedInAt.Add(d)}
	}
	mfa, tenSeconds := access.Policy{MFA: true}, access.Policy{Fresh: 10 * time.Second}
	both := access.Policy{MFA: true, Fresh: 10 * time.Second, Rules: []access.Rule{{Roles: []string{"staff"}}}}
	for name, row := range map[string]struct {
		request access.Request
		policy  access.Policy
		code    authcore.Code // of the refusal; "" for none
		user    bool
	}{
		"two kinds of proof":                 {request: access.Request{Who: multi}, policy: mfa, user: true},
		"one kind of proof":                  {request: access.Request{Who: plain}, policy: mfa, code: authcore.MFARequired, user: true},
		"fresh to the second":                {request: after(plain, 10*time.Second), policy: tenSeconds, user: true},
		"a second too old":                   {request: after(plain, 11*time.Second), policy: tenSeconds, code: authcore.ReauthenticationRequired, user: true},
		"nobody knows how old":               {request: after(unsaid, 0), policy: tenSeconds, code: authcore.ReauthenticationRequired, user: true},
		"old, for a policy without an age":   {request: after(multi, 1000*time.Hour), policy: mfa, user: true},
		"a renewal is no sign-in":            {request: after(renewed, time.Minute), policy: tenSeconds, code: authcore.ReauthenticationRequired, user: true},
		"both hold":                          {request: after(multi, time.Second), policy: both, user: true},
		"neither holds":                      {request: after(staff, time.Minute), policy: both, code: authcore.MFARequired, user: true},
		"a rule goes before a step-up":       {request: after(plain, time.Minute), policy: both, code: authcore.Forbidden, user: true},
		"an outage goes before a step-up":    {request: access.Request{Who: plain, Stale: true}, policy: mfa, code: authcore.Unavailable, user: false},
		"nobody where mfa is asked of users": {request: access.Request{Err: nobody}, policy: access.Policy{Optional: true, MFA: true}},
		"a user":                             {request: access.Request{Who: plain}, user: true},
		"nobody":                             {request: access.Request{Err: nobody}, code: authcore.AuthenticationRequired},
		"nobody where that is allowed":       {request: access.Request{Err: nobody}, policy: optional},
		"a dead token where nobody may":      {request: access.Request{Err: httpauth.ErrInvalidToken}, policy: optional},
		"a user where nobody may":            {request: access.Request{Who: plain}, policy: optional, user: true},
		"an outage where nobody may":         {request: access.Request{Err: away}, policy: optional, code: authcore.Unavailable},
		"another origin where nobody may":    {request: access.Request{Err: foreign}, policy: optional, code: authcore.CrossOrigin},
		"a fault where nobody may":           {request: access.Request{Err: errors.New("x")}, policy: optional, code: authcore.Internal},
		"an error and a user":                {request: access.Request{Who: staff, Err: away}, code: authcore.Unavailable},
		"neither user nor error":             {code: authcore.Internal},
		"neither where nobody may":           {policy: optional, code: authcore.Internal},
		"an old snapshot":                    {request: access.Request{Who: plain, Stale: true}, code: authcore.Unavailable},
		"an old snapshot where nobody may":   {request: access.Request{Who: plain, Stale: true}, policy: optional, code: authcore.Unavailable},
		"an old snapshot, and nobody":        {request: access.Request{Err: nobody, Stale: true}, policy: optional},
		"an old snapshot, and a renewal":     {request: access.Request{Who: renewed, Stale: true}, user: true},
		"an old snapshot before a rule":      {request: access.Request{Who: plain, Stale: true}, policy: rules(roles("staff")), code: authcore.Unavailable},
		"a role":                             {request: access.Request{Who: staff}, policy: rules(roles("admin", "staff")), user: true},
		"no role":                            {request: access.Request{Who: plain}, policy: rules(roles("staff")), code: authcore.Forbidden, user: true},
		"another role":                       {request: access.Request{Who: staff}, policy: rules(roles("admin")), code: authcore.Forbidden, user: true},
		"a role of another case":             {request: access.Request{Who: staff}, policy: rules(roles("Staff")), code: authcore.Forbidden, user: true},
		"every rule":                         {request: access.Request{Who: staff}, policy: rules(roles("staff"), access.Rule{Verified: true}), user: true},
		"the second of two rules":            {request: access.Request{Who: staff}, policy: rules(roles("staff"), roles("admin")), code: authcore.Forbidden, user: true},
		"a verified address":                 {request: access.Request{Who: staff}, policy: rules(access.Rule{Verified: true}), user: true},
		"none":                               {request: access.Request{Who: plain}, policy: rules(access.Rule{Verified: true}), code: authcore.Forbidden, user: true},
		"an account by its id":               {request: access.Request{Who: plain}, policy: rules(access.Rule{Users: []string{"x", ada}}), user: true},
		"an account by its address":          {request: access.Request{Who: staff}, policy: rules(access.Rule{Users: []string{"ada@example.com"}}), user: true},
		"another account":                    {request: access.Request{Who: staff}, policy: rules(access.Rule{Users: []string{"eve@example.com"}}), code: authcore.Forbidden, user: true},
		"no address is nobody's":             {request: access.Request{Who: plain}, policy: rules(access.Rule{Users: []string{""}}), code: authcore.Forbidden, user: true},
		"a rule for nobody, who is let in":   {request: access.Request{Err: nobody}, policy: access.Policy{Optional: true, Rules: []access.Rule{roles("staff")}}},
		"a rule for a user where nobody may": {request: access.Request{Who: plain}, policy: access.Policy{Optional: true, Rules: []access.Rule{roles("staff")}}, code: authcore.Forbidden, user: true},
	} {
		got := access.Decide(row.request, &row.policy)
		code := authcore.Code("")
		if got.Err != nil {
			code = authcore.CodeOf(got.Err)
		}
		// What is explained is what was decided, by the same order.
		steps, broken := access.Explain(row.request, &row.policy)
		if (code == authcore.Forbidden) != (broken >= 0) || len(steps) == 0 || (access.Word(got.Err) == access.Allows) != (got.Err == nil) {
			t.Errorf("%s: explained by %v, rule %d", name, steps, broken)
		}
		if code != row.code || (got.User != nil) != row.user {
			t.Errorf("%s: %q (%v), user %v", name, code, got.Err, got.User)
		}
	}
}

// Nothing about a decision goes to the heap: it is made for each request.
func TestDecide_AllocatesNothing(t *testing.T) {
	who := users(t)(authcore.Principal{Subject: ada, Email: "ada@example.com", Roles: []string{"user", "staff"}, AMR: []string{"pwd", "otp", "mfa"}})
	p := &access.Policy{MFA: true, Fresh: time.Hour, Rules: []access.Rule{{Roles: []string{"staff"}}, {Verified: true}, {Users: []string{ada}}}}
	if n := testing.AllocsPerRun(100, func() {
		if access.Decide(access.Request{Who: who, Now: signedInAt}, p).Err != nil {
			t.Error("refused")
		}
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// What is refused says all that a step-up has to give, and nothing that the sign-in has (RFC 9470).
func TestPolicy_Lacking(t *testing.T) {
	t.Parallel()
	admit := users(t)
	one := admit(authcore.Principal{Subject: ada})
	two := admit(authcore.Principal{Subject: ada, AMR: []string{"pwd", "otp", "mfa"}})
	p := &access.Policy{MFA: true, Fresh: 10 * time.Second}
	for name, row := range map[string]struct {
		who  httpauth.Result
		age  time.Duration
		code authcore.Code
		max  time.Duration
	}{
		"one kind, fresh": {one, 0, authcore.MFARequired, 0},
		"one kind, old":   {one, time.Minute, authcore.MFARequired, 10 * time.Second},
		"two kinds, old":  {two, time.Minute, authcore.ReauthenticationRequired, 10 * time.Second},
	} {
		r := access.Request{Who: row.who, Now: signedInAt.Add(row.age)}
		if !access.Lacks(access.Decide(r, p).Err) {
			t.Errorf("%s: not refused for what a step-up gives", name)
		}
		got := p.Lacking(r, "https://auth.example.com/auth/login")
		if got.Code != row.code || got.MaxAge != row.max || got.StepUpURL == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if access.Lacks(access.Decide(access.Request{Who: one}, &access.Policy{Rules: []access.Rule{{Verified: true}}}).Err) {
		t.Error("a step-up would give a verified address")
	}
}

// BenchmarkDecide is the decision alone: by no rule, and by those of a step-up.
func BenchmarkDecide(b *testing.B) {
	r := access.Request{Who: users(b)(authcore.Principal{Subject: ada, AMR: []string{"pwd", "otp", "mfa"}}), Now: signedInAt}
	for name, p := range map[string]*access.Policy{"none": {}, "mfa": {MFA: true}, "fresh": {Fresh: time.Hour}, "both": {MFA: true, Fresh: time.Hour}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if access.Decide(r, p).Err != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}
