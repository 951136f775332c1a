package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/bench/internal/figures"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
	"github.com/gatehouse-auth/gatehouse/bench/internal/rig"
)

// asked is one request of an administrator. The times in braces are filled in by administer.
type asked struct {
	method, path, body string
	header, value      string // by which it is signed in
}

// someone is an account in the middle of the database that is filled.
const someone = "00001267-0000-7000-8000-000000000000" // the 4711th

// lists are what an administrator looks at: each list of the API by each filter that leads it, some that find little, and each page of the
// console. {hour}, {month} and {year} are times so long ago, {self} is the gateway's address.
var lists = []asked{
	{path: "/admin/users"},
	{path: "/admin/users?limit=200"},
	{path: "/admin/users?sort=created_at"},
	{path: "/admin/users?sort=email"},
	{path: "/admin/users?count=true"},
	{path: "/admin/users?q=ada"},
	{path: "/admin/users?q=grace.1234"},
	{path: "/admin/users?q=family9"},
	{path: "/admin/users?q=%2B4366"},
	{path: "/admin/users?q=nobodyatall"},
	{path: "/admin/users?q=ada&sort=email"},
	{path: "/admin/users?q=grace.1234&sort=email"},
	{path: "/admin/users?email=nobody@example.com"},
	{path: "/admin/users?username=user4711"},
	{path: "/admin/users?number=4811"},
	{path: "/admin/users?role=staff"},
	{path: "/admin/users?role=customer"},
	{path: "/admin/users?role=nobody"},
	{path: "/admin/users?role=staff&sort=email"},
	{path: "/admin/users?kind=service"},
	{path: "/admin/users?disabled=true"},
	{path: "/admin/users?disabled=true&sort=email"},
	{path: "/admin/users?disabled=false&verified=false"},
	{path: "/admin/users?mfa=true&count=true"},
	{path: "/admin/users?locked=true"},
	{path: "/admin/users?locked=false"},
	{path: "/admin/users?created_after={month}"},
	{path: "/admin/users?created_before={month}&sort=email"},
	{path: "/admin/users?created_after={month}&created_before={hour}&disabled=true"},
	{path: "/admin/users?created_after={hour}&sort=email"},
	{path: "/admin/users?role=customer&disabled=true"},
	{path: "/admin/users?role=customer&sort=email&kind=service"},
	{path: "/admin/users?seen_before={year}"},
	{path: "/admin/users?invited_by=00000001-0000-7000-8000-000000000000"},
	{path: "/admin/users?invited_by=00000001-0000-7000-8000-000000000000&sort=email"},
	{path: "/admin/users/" + someone},
	{path: "/admin/users/number:4811"},
	{path: "/admin/users/" + someone + "/sessions"},
	{path: "/admin/users/" + someone + "/factors"},
	{path: "/admin/sessions"},
	{path: "/admin/sessions?user=" + someone},
	{path: "/admin/sessions?ip=192.0.2.77"},
	{path: "/admin/sessions?host=none.example"},
	{path: "/invitations?all"},
	{path: "/admin/blocks"},
	{method: http.MethodPost, path: "/admin/blocks/test", body: `{"kind":"email","value":"x@nobody.example"}`},
	{path: "/admin/events"},
	{path: "/admin/events?kind=account.registered"},
	{path: "/admin/events?kind=session.*"},
	{path: "/admin/events?kind=password.reset"},
	{path: "/admin/events?result=failure"},
	{path: "/admin/events?result=nothing_has_it"},
	{path: "/admin/events?account=" + someone},
	{path: "/admin/events?account=" + someone + "&kind=account.locked"},
	{path: "/admin/events?actor=" + someone},
	{path: "/admin/events?session=" + someone},
	{path: "/admin/events?ip=192.0.2.77"},
	{path: "/admin/events?ip=203.0.113.1"},
	{path: "/admin/events?from={month}&to={hour}&result=failure"},
	{path: "/admin/settings"},
	{path: "/admin/settings/access_lifetime/history"},
	{path: "/admin/stats?from={month}"},
	{path: "/admin/nodes"},
	{path: "/admin/signing-keys"},
	{method: http.MethodPost, path: "/admin/explain", body: `{"method":"GET","url":"{self}/","user":"` + rig.Email + `"}`},
	{path: "/console"},
	{path: "/console?span=month"},
	{path: "/console/users"},
	{path: "/console/users?q=ada"},
	{path: "/console/users?role=nobody"},
	{path: "/console/users/" + someone},
	{path: "/console/invitations"},
	{path: "/console/invitations?status=pending"},
	{path: "/console/invitations?status=revoked"},
	{path: "/console/blocks"},
	{path: "/console/events"},
	{path: "/console/events?result=failure&kind=session.*"},
	{path: "/console/settings"},
	{path: "/console/settings/access_lifetime"},
	{path: "/console/keys"},
	{path: "/console/explain"},
	{path: "/console/health"},
}

// stores are over what it is measured.
var stores = []string{"SQLite", "Postgres"}

// administration measures what an administrator of a big gateway looks at, one request after the other, over SQLite and over Postgres.
func (b *bench) administration(ctx context.Context) error {
	for _, store := range stores {
		if b.store != "" && b.store != store {
			continue
		}
		if err := b.administer(ctx, store); err != nil {
			return fmt.Errorf("measure administration over %s: %w", store, err)
		}
	}
	return nil
}

func (b *bench) administer(ctx context.Context, store string) (err error) {
	var cluster *rig.Cluster
	if store == "Postgres" {
		if cluster, err = b.rig.Cluster(); err != nil {
			return err
		}
	}
	s, err := b.rig.Administered(cluster)
	if err != nil {
		return err
	}
	if _, err := b.rig.Register(ctx, s, rig.Email); err != nil {
		return err
	}
	cookie, err := b.rig.SignInCookie(ctx, s, rig.Email)
	if err != nil {
		return err
	}
	tokens, err := b.rig.SignIn(ctx, s, rig.Email)
	if err != nil {
		return err
	}
	if err := b.rig.Stop(s); err != nil {
		return err
	}
	say("%d accounts into %s", b.accounts, store)
	if err := rig.Fill(ctx, s, cluster, b.accounts); err != nil {
		return err
	}
	if err := b.rig.Again(s); err != nil {
		return err
	}
	say("%d requests for each list and page over %s", b.requests, store)
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	now := time.Now()
	ago := func(d time.Duration) string { return url.QueryEscape(now.Add(-d).UTC().Format(time.RFC3339)) }
	fill := strings.NewReplacer("{hour}", ago(time.Hour), "{month}", ago(30*24*time.Hour), "{year}", ago(365*24*time.Hour), "{self}", "http://"+s.Addr)
	for _, a := range lists {
		one := asked{method: a.method, path: fill.Replace(a.path), body: fill.Replace(a.body)}
		if strings.HasPrefix(a.path, "/console") {
			one.header, one.value = "Cookie", cookie
		} else {
			one.header, one.value = "Authorization", "Bearer "+tokens.Access
		}
		result, err := timeEach(ctx, client, "http://"+s.Addr+"/auth", one, b.requests)
		if err != nil {
			return err
		}
		result.Store, result.What = store, strings.TrimSpace(a.method+" "+a.path)
		b.report.Lists = append(b.report.Lists, result)
	}
	return errors.Join(b.rig.Stop(s), s.Remove(), b.rig.End(cluster))
}

// warming is how many requests are made before those that are timed.
const warming = 10

// timeEach makes the same request again and again, and times each until its answer is there in whole.
func timeEach(ctx context.Context, client *http.Client, at string, a asked, times int) (r report.List, err error) {
	method := http.MethodGet
	if a.method != "" {
		method = a.method
	}
	took := make([]float64, 0, times)
	for i := range warming + times {
		req, err := http.NewRequestWithContext(ctx, method, at+a.path, bytes.NewReader([]byte(a.body)))
		if err != nil {
			return r, err
		}
		req.Header.Set(a.header, a.value)
		if a.body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		begin := time.Now()
		answer, err := client.Do(req)
		if err != nil {
			return r, err
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			return r, err
		}
		if answer.StatusCode != http.StatusOK {
			return r, fmt.Errorf("%s: %s: %.300s", a.path, answer.Status, text)
		}
		if i >= warming {
			took = append(took, time.Since(begin).Seconds()*1e3)
		}
	}
	r.Median = figures.Of(took).Median
	r.P99, r.Longest = figures.Top(took)
	return r, nil
}
