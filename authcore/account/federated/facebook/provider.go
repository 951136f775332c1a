// Package facebook is Facebook Login. It knows OAuth 2.0 alone: who signed in is asked of the Graph API, with a proof that whoever asks has the
// app's secret. It often tells no address, and never says that one is proven.
//
// https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow
package facebook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// version is of the Graph API. Facebook serves one for two years at least, and answers calls of an older one by the oldest that it serves.
const version = "v24.0"

const (
	issuer = "https://www.facebook.com"
	graph  = "https://graph.facebook.com"
)

// DefaultScopes are asked for where the configuration says nothing.
var DefaultScopes = []string{"email", "public_profile"}

// Config is what a Provider needs.
type Config struct {
	BaseURL      string // where Facebook and its Graph API are elsewhere; "" is Facebook itself
	ClientID     string // of the app
	ClientSecret secret.Value
	Scopes       []string
	Reads        []string // claims that the configuration reads; those that are Facebook's own are asked for
	Observe      func(step string, took time.Duration, ok bool)
	Now          func() time.Time
}

// Provider is an [idp.Provider]. It is safe for concurrent use.
type Provider struct {
	cfg           Config
	issuer, graph string
	fields        string
	client        *idp.Client
}

// New checks cfg. It makes no call.
func New(cfg Config) (*Provider, error) {
	p := &Provider{cfg: cfg, issuer: issuer, graph: graph}
	if base := strings.TrimSuffix(cfg.BaseURL, "/"); base != "" {
		p.issuer, p.graph = base, base
	}
	own, err := url.Parse(p.graph)
	if err == nil {
		err = idp.CheckURL(own)
	}
	if err != nil || cfg.ClientID == "" || cfg.ClientSecret.Empty() || cfg.Now == nil {
		return nil, errors.New("facebook: a client id, its secret and a clock are required, and a base URL with https (or http on loopback)")
	}
	if len(cfg.Scopes) == 0 {
		p.cfg.Scopes = DefaultScopes
	}
	p.graph += "/" + version
	fields := []string{"id", "name", "first_name", "last_name", "email"}
	for _, claim := range cfg.Reads {
		field, _, _ := strings.Cut(claim, ".")
		if !slices.Contains(fields, field) && !slices.Contains([]string{"given_name", "family_name", "email_verified"}, field) {
			fields = append(fields, field)
		}
	}
	p.fields = strings.Join(fields, ",")
	p.client = idp.NewClient(idp.ClientConfig{Own: own.Hostname(), Sick: sick, Observe: cfg.Observe, Now: cfg.Now})
	return p, nil
}

// graphError is how Facebook tells of a fault, whatever the status.
type graphError struct {
	Error struct {
		Code      int  `json:"code"`
		Transient bool `json:"is_transient"`
	} `json:"error"`
}

// passing are the codes of faults that are Facebook's own or limits of ours, and not of what was asked.
// https://developers.facebook.com/docs/graph-api/guides/error-handling
var passing = []int{1, 2, 4, 17, 32, 341, 613}

func sick(status int, _ http.Header, body []byte) bool {
	var e graphError
	return status >= 400 && json.Unmarshal(body, &e) == nil && (e.Error.Transient || slices.Contains(passing, e.Error.Code))
}

func (p *Provider) oauth(redirect string) *oauth2.Config {
	return &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret.RevealString(), RedirectURL: redirect, Scopes: p.cfg.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: p.issuer + "/" + version + "/dialog/oauth", TokenURL: p.graph + "/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams}}
}

// AuthURL implements [idp.Provider].
func (p *Provider) AuthURL(_ context.Context, r idp.AuthRequest) (string, error) {
	return p.oauth(r.RedirectURI).AuthCodeURL(r.State, oauth2.S256ChallengeOption(r.Verifier)), nil
}

// Issuer implements [idp.Provider]: an answer has no `iss`.
func (p *Provider) Issuer(context.Context) (string, bool, error) { return "", false, nil }

// Exchange implements [idp.Provider].
func (p *Provider) Exchange(ctx context.Context, c idp.Code) (idp.Identity, error) {
	token, err := p.client.Redeem(ctx, p.oauth(c.RedirectURI), c)
	if err != nil {
		return idp.Identity{}, err
	}
	return p.me(ctx, token.AccessToken)
}

// Native implements [idp.Provider]: it takes codes and access tokens.
func (p *Provider) Native(ctx context.Context, n idp.Native) (idp.Identity, error) {
	return idp.NativeByToken(ctx, n, p, p.giver, p.me)
}

// giver returns who has given an access token to an app of ours.
func (p *Provider) giver(ctx context.Context, access string) (string, error) {
	a, err := p.call(ctx, idp.StepToken, "/debug_token", p.cfg.ClientID+"|"+p.cfg.ClientSecret.RevealString(), url.Values{"input_token": {access}})
	if err != nil {
		return "", err
	}
	var said struct {
		Data struct {
			App     string `json:"app_id"`
			Kind    string `json:"type"`
			Valid   bool   `json:"is_valid"`
			Expires int64  `json:"expires_at"` // 0: never
			User    string `json:"user_id"`
		} `json:"data"`
	}
	if a.Status != http.StatusOK || a.Decode(&said) != nil {
		return "", fmt.Errorf("debug_token answers with status %d", a.Status)
	}
	d := said.Data
	switch {
	case d.App != p.cfg.ClientID:
		return "", errors.New("it was given to another app")
	case !d.Valid, d.Expires != 0 && !time.Unix(d.Expires, 0).After(p.cfg.Now()):
		return "", errors.New("it is no longer valid")
	case d.Kind != "USER" || d.User == "":
		return "", errors.New("it is of no person")
	}
	return d.User, nil
}

// me asks whose access token it is.
func (p *Provider) me(ctx context.Context, access string) (idp.Identity, error) {
	a, err := p.call(ctx, idp.StepUserInfo, "/me", access, url.Values{"fields": {p.fields}})
	if err != nil {
		return idp.Identity{}, fmt.Errorf("ask who it is: %w", err)
	}
	claims := map[string]any{}
	if a.Status != http.StatusOK || a.Decode(&claims) != nil {
		return idp.Identity{}, fmt.Errorf("ask who it is: status %d: %w", a.Status, idp.ErrAnswer)
	}
	id := idp.Identity{Issuer: p.issuer, Claims: claims}
	if id.Subject = id.Text("id"); !idp.UsableSubject(id.Subject) {
		return idp.Identity{}, fmt.Errorf("ask who it is: the id is missing or not text: %w", idp.ErrAnswer)
	}
	id.Email = id.Text("email")
	delete(claims, "email_verified") // Facebook proves no address (C10)
	for standard, own := range map[string]string{"given_name": "first_name", "family_name": "last_name"} {
		if name := id.Text(own); name != "" {
			claims[standard] = name
		}
	}
	return id, nil
}

// call calls the Graph API by an access token, with the proof that we have the app's secret: a token that was stolen is no good to others where
// the app demands it.
func (p *Provider) call(ctx context.Context, step, path, access string, with url.Values) (idp.Answer, error) {
	mac := hmac.New(sha256.New, []byte(p.cfg.ClientSecret.RevealString()))
	mac.Write([]byte(access))
	with.Set("access_token", access)
	with.Set("appsecret_proof", hex.EncodeToString(mac.Sum(nil)))
	return p.client.Get(ctx, step, p.graph+path+"?"+with.Encode(), "")
}
