package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Who the requests are made by. The name and address go to the upstream with every request.
const (
	Email     = "ada.lovelace@example.com"
	FirstName = "Ada"
	LastName  = "Lovelace"
	Password  = "tundra-Ledger-51-quartz"
)

// Tokens are those of one session.
type Tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Session string `json:"session_id"`
}

// Register signs an account up and proves its address by the code in the mail.
func (r *Rig) Register(ctx context.Context, s *Server, email string) (Tokens, error) {
	var registered struct{ Registration string }
	_, err := r.call(ctx, s, "/register", http.StatusAccepted, map[string]any{
		"email": email, "password": Password, "first_name": FirstName, "last_name": LastName}, &registered)
	if err != nil {
		return Tokens{}, err
	}
	code, err := s.code(ctx, email)
	if err != nil {
		return Tokens{}, err
	}
	var tokens Tokens
	_, err = r.call(ctx, s, "/verify", http.StatusOK, map[string]any{"email": email, "otp": code, "registration": registered.Registration}, &tokens)
	return tokens, err
}

// SignIn opens a session by password.
func (r *Rig) SignIn(ctx context.Context, s *Server, email string) (t Tokens, err error) {
	_, err = r.call(ctx, s, "/login", http.StatusOK, map[string]any{"login": email, "password": Password}, &t)
	return t, err
}

// SignInCookie opens a session by password and returns its access cookie, `name=value`.
func (r *Rig) SignInCookie(ctx context.Context, s *Server, email string) (string, error) {
	resp, err := r.call(ctx, s, "/login", http.StatusOK, map[string]any{"login": email, "password": Password, "cookies": true}, nil)
	if err != nil {
		return "", err
	}
	for _, c := range resp.Cookies() {
		if c.Name == CookieName {
			return c.Name + "=" + c.Value, nil
		}
	}
	return "", errors.New("sign in: the answer sets no access cookie")
}

// CookieName is the access cookie's over http.
const CookieName = "gatehouse"

// SignOut ends the session of a refresh token.
func (r *Rig) SignOut(ctx context.Context, s *Server, t Tokens) error {
	_, err := r.call(ctx, s, "/logout", http.StatusNoContent, map[string]any{"refresh_token": t.Refresh}, nil)
	return err
}

// StatusError is an answer of the API that was not the wanted one.
type StatusError struct {
	Path   string
	Status int
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("call %s: the answer was %d", e.Path, e.Status)
}

// call posts JSON to the API and decodes the answer into the given value, unless that is nil.
func (r *Rig) call(ctx context.Context, s *Server, path string, want int, body map[string]any, into any) (*http.Response, error) {
	return post(ctx, r.client, s.Addr, "/auth"+path, want, body, into)
}

// Post posts JSON to a path of a host and decodes the answer into the given value. An answer with another status is an error.
func Post(ctx context.Context, host, path string, want int, body map[string]any, into any) error {
	_, err := post(ctx, http.DefaultClient, host, path, want, body, into)
	return err
}

func post(ctx context.Context, client *http.Client, host, path string, want int, body map[string]any, into any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		return nil, &StatusError{path, resp.StatusCode}
	}
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			return nil, fmt.Errorf("read the answer of %s: %w", path, err)
		}
	}
	return resp, nil
}

// codeLine is the code, alone on its line in the text part.
var codeLine = regexp.MustCompile(`(?m)^(\d{6})\r?$`)

// code waits for the mail to an address and returns its code.
func (s *Server) code(ctx context.Context, email string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		files, err := filepath.Glob(filepath.Join(s.outbox, "*.eml"))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			mail, err := os.ReadFile(file)
			if err != nil || !bytes.Contains(mail, []byte("<"+email+">")) {
				continue
			}
			if found := codeLine.FindSubmatch(mail); found != nil {
				return string(found[1]), nil
			}
		}
		select {
		case <-ctx.Done():
			return "", errors.New("wait for the mail with the code: none has come")
		case <-tick.C:
		}
	}
}
