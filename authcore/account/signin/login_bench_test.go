package signin_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// loginPairs is how many sign-ins one iteration makes.
const loginPairs = 8

// BenchmarkLogin compares the time of a sign-in, without HTTP and with every commit on the disk, with that of the one Argon2id
// hash in it, at the default cost. Sign-ins and hashes take turns; `ratio` is the median of a sign-in's time to the mean of the
// hashes' before and after.
func BenchmarkLogin(b *testing.B) {
	e := testflow.New(b, testflow.Options{Hash: passhash.Config{Params: passhash.DefaultParams}, Lockout: lockout.Policy{Off: true}})
	account := e.Person(b, signup.RegisterInput{Email: bob}).Account
	hash := func() float64 {
		begin := time.Now()
		if ok, err := e.Hasher.Verify(b.Context(), account.PasswordHash, testflow.Password); err != nil || !ok {
			b.Fatalf("the hash does not hold: %v", err)
		}
		return time.Since(begin).Seconds()
	}
	login := func() float64 {
		begin := time.Now()
		if _, err := e.TrySignIn(b, bob, testflow.Password); err != nil {
			b.Fatal(err)
		}
		return time.Since(begin).Seconds()
	}
	var ratios, logins, hashes []float64
	before := hash()
	for b.Loop() {
		for range loginPairs {
			took := login()
			after := hash()
			ratios = append(ratios, 2*took/(before+after))
			logins, hashes = append(logins, took*1e3), append(hashes, after*1e3)
			before = after
		}
	}
	for unit, values := range map[string][]float64{"ratio": ratios, "login-ms": logins, "hash-ms": hashes} {
		b.ReportMetric(slices.Sorted(slices.Values(values))[len(values)/2], unit)
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/4], "ratio-q1")
	b.ReportMetric(ratios[len(ratios)*3/4], "ratio-q3")
	b.ReportMetric(0, "ns/op") // a pair takes what it takes
}
