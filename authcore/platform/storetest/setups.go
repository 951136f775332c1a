package storetest

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var setups = []promise{
	{"L22 100 use one set-up link: one administrator", setUpRace},
	{"100 make a set-up link: the last one is good", setUpLinkRace},
}

func setUpRace(t *testing.T, s Store) {
	ch := issued(t, s, aChallenge(authcore.PurposeSetup, "setup", "1"))
	counts := countErrors(t, atOnce(100, func(i int) error {
		_, _, err := s.SetUp(t.Context(), aSignUp(ch, anAccount(fmt.Sprint("ops", i))))
		return err
	}))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Errorf("%v, want one winner", counts)
	}
	if out, err := s.ChallengeIsOut(t.Context(), authcore.PurposeSetup, start); err != nil || out {
		t.Errorf("a link is out still: %v (%v)", out, err)
	}
}

func setUpLinkRace(t *testing.T, s Store) {
	var links []authcore.Challenge
	for i := range 100 {
		links = append(links, aChallenge(authcore.PurposeSetup, "setup", fmt.Sprint(i)))
	}
	for _, err := range atOnce(len(links), func(i int) error { return s.IssueChallenge(t.Context(), links[i], authcore.Effects{}) }) {
		must(t, err)
	}
	good := map[uuid.UUID]bool{}
	for _, l := range links {
		if ch, err := s.ProveToken(t.Context(), authcore.PurposeSetup, l.TokenDigest, start); err == nil {
			good[ch.ID] = true
		}
	}
	if len(good) != 1 {
		t.Errorf("%d links are good, want one", len(good))
	}
}
