package testidp

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// Google is a provider as Google is: its id_tokens name it with or without a scheme, and it says of access tokens whose they are.
type Google struct {
	*Provider
	// TokenInfo changes what is said of access tokens; nil leaves it.
	TokenInfo func(info map[string]any)
}

// StartGoogle starts a Google that ends with the test.
func StartGoogle(t testing.TB, now func() time.Time) *Google {
	t.Helper()
	g := &Google{Provider: Start(t, now)}
	g.handle("/tokeninfo", "tokeninfo", g.tokenInfo)
	return g
}

// AccessToken returns an access token of User, as an app gets it.
func (g *Google) AccessToken() string {
	g.Lock()
	defer g.Unlock()
	access := random()
	g.access[access] = g.User
	return access
}

func (g *Google) tokenInfo(w http.ResponseWriter, r *http.Request) {
	g.Lock()
	defer g.Unlock()
	user, known := g.access[r.FormValue("access_token")]
	if !known {
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]string{"error": "invalid_token", "error_description": "Invalid Value"})
		return
	}
	info := map[string]any{"azp": ClientID, "aud": ClientID, "sub": user["sub"], "exp": fmt.Sprint(g.now().Add(time.Hour).Unix()), "expires_in": "3599",
		"email": user["email"], "email_verified": "true", "access_type": "online", "scope": "openid"}
	if g.TokenInfo != nil {
		g.TokenInfo(info)
	}
	answer(w, info)
}
