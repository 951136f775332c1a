package httpauth_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// TestS04_OwnsAny: whatever scheme one of our tokens is sent under, encoded or as it is, alone or in lines that a proxy has joined.
func TestS04_OwnsAny(t *testing.T) {
	t.Parallel()
	token := "ghr_" + strings.Repeat("A", 40)
	encoded := base64.StdEncoding.EncodeToString([]byte("any:" + token))
	ours := func(s string) bool { return s == token }
	for line, want := range map[string]bool{
		"Bearer " + token: true, "Digest " + token: true, "Basic " + encoded: true, "basic\t" + encoded: true, " Basic  " + encoded + " ": true,
		"Basic " + token: true, "Basic dTpw, Bearer " + token: true, "Basic dTpw, " + token: true, "Basic dTpw": false, "Basic": false, "": false,
	} {
		if got := httpauth.OwnsAny(line, ours); got != want {
			t.Errorf("%q: %t", line, got)
		}
	}
}
