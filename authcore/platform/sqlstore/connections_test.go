package sqlstore_test

import (
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// Who is connected to a database is seen whatever its URL calls it and whichever role it has; other programs, other databases and
// those that have gone are not, and nobody is on a file.
func TestRefuseConnected(t *testing.T) {
	t.Parallel()
	server := testpg.New(t, testpg.Options{})
	at, elsewhere := server.Database(t), server.Database(t)
	opened(t, elsewhere)
	free := func(when string) {
		t.Helper()
		if err := sqlstore.RefuseConnected(t.Context(), at); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	free("nobody is connected")
	database, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	root, err := url.Parse(server.AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	root.Path = database.Path
	for name, other := range map[string]string{
		"the same URL":    at,
		"a name":          at + "&application_name=auth-" + strings.Repeat("long-", 15),
		"an empty name":   at + "&application_name=",
		"a name by -c":    at + "&options=-c%20application_name%3Dauth",
		"another role":    root.String(),
		"a name like our": at + "&application_name=gatehouse-7",
	} {
		s, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: other, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if err := sqlstore.RefuseConnected(t.Context(), at); err == nil || !strings.Contains(err.Error(), "of a gateway is open to it") &&
			!strings.Contains(err.Error(), "of gateways are open to it") || !strings.Contains(err.Error(), "stop every gateway") {
			t.Errorf("%s: error is %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		free(name + " has gone")
	}
	if err := sqlstore.RefuseConnected(t.Context(), sqliteURL(t)); err != nil {
		t.Errorf("a file: %v", err)
	}
	if err := sqlstore.RefuseConnected(t.Context(), "postgres://u:secret-word@127.0.0.1:1/x"); err == nil || strings.Contains(err.Error(), "secret-word") {
		t.Errorf("a server that is away: %v", err)
	}
}
