package sqldb_test

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// Who is connected to a database is seen whatever its URL calls it and whichever role it has; other programs, other databases and
// those that have gone are not, and nobody is on a file.
func TestRefuseConnected(t *testing.T) {
	t.Parallel()
	server := testpg.New(t, testpg.Options{})
	at, elsewhere := server.Database(t), server.Database(t)
	apart, err := open(t, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	defer apart.Close()
	free := func(when string) {
		t.Helper()
		if err := sqldb.RefuseConnected(t.Context(), at); err != nil {
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
		s, err := open(t, other)
		if err != nil {
			t.Fatal(err)
		}
		if err := sqldb.RefuseConnected(t.Context(), at); err == nil || !strings.Contains(err.Error(), "of a gateway is open to it") &&
			!strings.Contains(err.Error(), "of gateways are open to it") || !strings.Contains(err.Error(), "stop every gateway") {
			t.Errorf("%s: error is %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		free(name + " has gone")
	}
	if err := sqldb.RefuseConnected(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db")); err != nil {
		t.Errorf("a file: %v", err)
	}
	if err := sqldb.RefuseConnected(t.Context(), "postgres://u:secret-word@127.0.0.1:1/x"); err == nil || strings.Contains(err.Error(), "secret-word") {
		t.Errorf("a server that is away: %v", err)
	}
}
