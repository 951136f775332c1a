package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/bench/internal/load"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
	"github.com/gatehouse-auth/gatehouse/bench/internal/rig"
	"github.com/gatehouse-auth/gatehouse/internal/testdjango"
)

// djangoWorkers are gunicorn's, one for each processor of a machine of this kind.
const djangoWorkers = 2

// pair is what simplejwt answers to a sign-in.
type pair struct{ Access, Refresh string }

// dialects measures the calls of the dialect simplejwt beside those of the package it replaces: in each round a slice of load on the
// package, one on the gateway, one on the package again.
func (b *bench) dialects(ctx context.Context) (err error) {
	django, err := testdjango.Open(testdjango.Options{
		Key: "a-key-of-a-benchmark-0123456789abcdef", Workers: djangoWorkers, Bare: true,
		Accounts: []testdjango.Account{{Username: "ada", Email: rig.Email, Password: rig.Password}},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, django.Close()) }()
	g, err := b.rig.GatewayDialect("gatehouse_dialect simplejwt")
	if err != nil {
		return err
	}
	if _, err := b.rig.Register(ctx, g, rig.Email); err != nil {
		return err
	}
	hosts := [2]string{django.Addr(), g.Addr}
	var pairs [2]pair
	for i, name := range []string{"ada", rig.Email} {
		if err := rig.Post(ctx, hosts[i], "/api/token/", http.StatusOK, map[string]any{"username": name, "password": rig.Password}, &pairs[i]); err != nil {
			return err
		}
	}
	result := &report.Dialects{Workers: djangoWorkers}
	for _, call := range []struct {
		name, path string
		body       func(pair) string
	}{
		{report.Verify, "/api/token/verify/", func(p pair) string { return `{"token":"` + p.Access + `"}` }},
		{report.Refresh, "/api/token/refresh/", func(p pair) string { return `{"refresh":"` + p.Refresh + `"}` }},
	} {
		c := &report.Replaced{Name: call.name}
		for round := range b.rounds {
			say("round %d of %d: simplejwt, %s", round+1, b.rounds, call.name)
			var r report.Round
			for i, into := range []*report.Slice{&r.Before, &r.Case, &r.After} {
				l := load.Load{Host: hosts[i%2], Path: call.path, Body: call.body(pairs[i%2]), App: true, For: b.slice}
				got, err := b.wrk.Run(ctx, l)
				if err != nil {
					return fmt.Errorf("measure simplejwt, %s: %w", call.name, err)
				}
				*into = report.Slice{Requests: got.Requests, Rate: got.Rate(), P50: got.P50, P99: got.P99, Wrong: got.Refused + got.Broken}
			}
			c.Rounds = append(c.Rounds, r)
		}
		c.Summarise()
		result.Calls = append(result.Calls, c)
	}
	b.report.Dialects = result
	return b.rig.Stop(g)
}
