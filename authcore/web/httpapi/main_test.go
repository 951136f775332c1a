package httpapi_test

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
	"github.com/gatehouse-auth/gatehouse/internal/apicheck"
)

// apiDocument is what every answer of this package's tests is held against. It remembers what it has seen.
var apiDocument = sync.OnceValues(func() (*apicheck.Document, error) {
	text, err := httpapi.Document("/auth")
	if err != nil {
		return nil, err
	}
	return apicheck.Load(text)
})

// TestMain ends with the question whether every success that the document promises was answered by some test.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if code == 0 && everyTest() {
		code = missing()
	}
	os.Exit(code)
}

// everyTest reports whether all tests have run, each once, and no benchmark or fuzzer instead.
func everyTest() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz", "test.bench"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}

func missing() (code int) {
	doc, err := apiDocument()
	if err != nil {
		fmt.Fprintln(os.Stderr, "httpapi:", err)
		return 1
	}
	for _, answer := range doc.Unseen() {
		fmt.Fprintln(os.Stderr, "httpapi: no test has seen the answer that the document promises:", answer)
		code = 1
	}
	return code
}
