package challenge_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// keep remembers the last message that was composed.
type keep struct{ last authcore.Message }

func (k *keep) Compose(m authcore.Message) (authcore.Mail, error) {
	k.last = m
	return authcore.Mail{Kind: m.Kind}, nil
}

// unlimited counts nothing.
type unlimited struct{}

func (unlimited) Take(context.Context, ...authcore.Limit) (authcore.Taken, error) {
	return authcore.Taken{}, nil
}
func (unlimited) Refund(context.Context, ...authcore.Limit) error { return nil }
func (unlimited) On(string) bool                                  { return false }

// desk issues challenges whose mails are kept; nothing is stored by issuing.
func desk(t *testing.T) (*challenge.Issuer, *keep) {
	t.Helper()
	mac, err := secret.NewMACKey(slices.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	mails := &keep{}
	d, err := challenge.New(challenge.Config{
		Store: struct{ challenge.Store }{}, Limiter: unlimited{}, Mailer: mails, Now: time.Now, Key: func() secret.MACKey { return mac },
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, mails
}

func issue(t *testing.T, d *challenge.Issuer, mails *keep, p authcore.Purpose, subject string) (authcore.Challenge, string) {
	t.Helper()
	var ch authcore.Challenge
	_, _, err := d.Request(t.Context(), challenge.Request{Purpose: p, Subject: subject, Known: &challenge.Known{To: challenge.Recipient{Address: "ada@example.com"}},
		Client: authcore.Client{Portal: "https://auth.example.com/auth"},
		Save:   func(_ context.Context, made authcore.Challenge, _ authcore.Effects) error { ch = made; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return ch, mails.last.Code
}

// A hundred thousand codes as they are mailed: every digit at every place, every pair of digits that follow one another,
// within a code and from one code to the next, and every thousand of codes comes as often as chance has it. The bounds
// are passed by chance once in some ten million runs.
func TestO14_CodesAreUniform(t *testing.T) {
	t.Parallel()
	const n, length = 100_000, 6
	d, mails := desk(t)
	var places [length][10]int
	digits, thousands := make([]int, 10), make([]int, 1000)
	within, across, repeated := make([]int, 100), make([]int, 100), 0
	last := ""
	for range n {
		_, code := issue(t, d, mails, authcore.PurposeVerifyEmail, "ada@example.com")
		value, err := strconv.Atoi(code)
		if err != nil || len(code) != length {
			t.Fatalf("code %q", code)
		}
		for i := range length {
			places[i][code[i]-'0']++
			digits[code[i]-'0']++
			if i > 0 {
				within[10*int(code[i-1]-'0')+int(code[i]-'0')]++
			}
			if last != "" {
				across[10*int(last[i]-'0')+int(code[i]-'0')]++
			}
		}
		if code == last {
			repeated++
		}
		thousands[value/1000]++
		last = code
	}
	for i := range places {
		chi2(t, "digits at place "+strconv.Itoa(i+1), places[i][:], 50)
	}
	chi2(t, "digits", digits, 50)
	chi2(t, "pairs of digits", within, 190)
	chi2(t, "pairs from code to code", across, 190)
	chi2(t, "thousands", thousands, 1260)
	if repeated > 4 {
		t.Errorf("%d of %d codes were the one before again", repeated, n)
	}
}

// chi2 compares counts with equal ones by Pearson's sum.
func chi2(t *testing.T, what string, counts []int, most float64) {
	t.Helper()
	total := 0
	for _, c := range counts {
		total += c
	}
	want, sum := float64(total)/float64(len(counts)), 0.0
	for _, c := range counts {
		sum += (float64(c) - want) * (float64(c) - want) / want
	}
	t.Logf("%s: chi² %.1f with %d degrees of freedom", what, sum, len(counts)-1)
	if sum > most {
		t.Errorf("%s: chi² is %.1f, more than %.0f", what, sum, most)
	}
}

// What is stored of a code is good for one purpose, one subject and one key only: without the key none of all the codes
// there are can be found in it.
func TestO14_StoredCodesAreKeyed(t *testing.T) {
	t.Parallel()
	d, mails := desk(t)
	const subject = "ada@example.com"
	ch, code := issue(t, d, mails, authcore.PurposeVerifyEmail, subject)
	guesses := map[string]func(code string) secret.Digest{
		"the code":                  func(c string) secret.Digest { return secret.SumString(c) },
		"subject and code":          func(c string) secret.Digest { return secret.SumString(subject + c) },
		"purpose, subject and code": func(c string) secret.Digest { return secret.SumString("verify_email" + subject + c) },
		"code and subject":          func(c string) secret.Digest { return secret.SumString(c + subject) },
	}
	for what, guess := range guesses {
		if found := search(ch.CodeDigest, guess); found != "" {
			t.Errorf("the digest of %s is stored: it tells the code %s", what, found)
		}
	}
	if found := search(ch.CodeDigest, digests(t, 1, authcore.PurposeVerifyEmail, subject)); found != code {
		t.Errorf("with the key the search finds %q, the code is %q", found, code)
	}
	for what, elsewhere := range map[string]func(code string) secret.Digest{
		"key":     digests(t, 2, authcore.PurposeVerifyEmail, subject),
		"purpose": digests(t, 1, authcore.PurposeResetPassword, subject),
		"subject": digests(t, 1, authcore.PurposeVerifyEmail, "bob@example.com"),
	} {
		if elsewhere(code) == ch.CodeDigest {
			t.Errorf("under another %s the same code has the same digest", what)
		}
	}
}

// digests is what a desk with the key stores of codes.
func digests(t *testing.T, key byte, p authcore.Purpose, subject string) func(code string) secret.Digest {
	t.Helper()
	mac, err := secret.NewMACKey(slices.Repeat([]byte{key}, 32))
	if err != nil {
		t.Fatal(err)
	}
	derived := mac.Derive("code")
	return func(code string) secret.Digest { return derived.MAC([]byte(p), []byte(subject), []byte(code)) }
}

// search tries every code there is.
func search(stored secret.Digest, guess func(code string) secret.Digest) string {
	code := []byte("000000")
	for {
		if guess(string(code)) == stored {
			return string(code)
		}
		i := len(code) - 1
		for ; i >= 0 && code[i] == '9'; i-- {
			code[i] = '0'
		}
		if i < 0 {
			return ""
		}
		code[i]++
	}
}
