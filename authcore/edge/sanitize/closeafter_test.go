package sanitize_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// TestP18_CloseAfterResponse: a chunked request over HTTP/1 is the last one on its connection, and whoever handles it learns that its
// body broke the protocol's rules; that nothing more came in time breaks none.
func TestP18_CloseAfterResponse(t *testing.T) {
	t.Parallel()
	malformed := errors.New("malformed chunked encoding")
	for what, c := range map[string]struct {
		major  int
		length int64
		body   io.Reader
		closes bool
		looks  bool // at the body
		broken error
	}{
		"no body":               {1, 0, http.NoBody, false, false, nil},
		"a length":              {1, 5, strings.NewReader("hello"), false, false, nil},
		"chunked":               {1, -1, strings.NewReader("hello"), true, true, nil},
		"chunked and malformed": {1, -1, iotest.ErrReader(malformed), true, true, malformed},
		"chunked, and too slow": {1, -1, iotest.ErrReader(os.ErrDeadlineExceeded), true, true, nil},
		"HTTP/2 with a length":  {2, 5, strings.NewReader("hello"), false, true, nil},
		"HTTP/2 and malformed":  {2, -1, iotest.ErrReader(malformed), false, true, malformed},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/x", nil)
		r.ProtoMajor, r.ContentLength, r.Body = c.major, c.length, io.NopCloser(c.body)
		if c.body == http.NoBody {
			r.Body = http.NoBody
		}
		body := sanitize.CloseAfterResponse(w, r)
		if closes := w.Header().Get("Connection") == "close"; closes != c.closes || (body != nil) != c.looks {
			t.Errorf("%s: closes %t, looks at the body %t", what, closes, body != nil)
		}
		if body == nil {
			continue
		}
		if _, err := io.Copy(io.Discard, r.Body); !errors.Is(body.Broken(), c.broken) {
			t.Errorf("%s: the body ends by %v and counts as broken by %v", what, err, body.Broken())
		}
	}
}
