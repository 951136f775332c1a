// Package github is GitHub and GitHub Enterprise Server. It knows OAuth 2.0 alone: who signed in, which of their addresses is proven and which
// organisations they are in is asked of its API.
//
// https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

const (
	site = "https://github.com"
	api  = "https://api.github.com"
	// perPage is how many entries an answer has at most, and mostPages how many answers of a list are read.
	perPage, mostPages = 100, 5
)

// DefaultScopes are asked for where the configuration says nothing.
var DefaultScopes = []string{"read:user", "user:email"}

// scopeOrganisations lets us see the organisations and teams of somebody that are not public.
const scopeOrganisations = "read:org"

// Config is what a Provider needs.
type Config struct {
	BaseURL      string // of an Enterprise Server; "" is github.com
	ClientID     string
	ClientSecret secret.Value
	Scopes       []string
	// Groups says that the configuration reads groups: organisations by their name, and teams as organisation/team.
	Groups  bool
	Observe func(step string, took time.Duration, ok bool)
	Now     func() time.Time
}

// Provider is an [idp.Provider]. It is safe for concurrent use.
type Provider struct {
	cfg       Config
	site, api string
	client    *idp.Client
}

// New checks cfg. It makes no call.
func New(cfg Config) (*Provider, error) {
	p := &Provider{cfg: cfg, site: site, api: api}
	if base := strings.TrimSuffix(cfg.BaseURL, "/"); base != "" {
		p.site, p.api = base, base+"/api/v3"
	}
	own, err := url.Parse(p.api)
	if err == nil {
		err = idp.CheckURL(own)
	}
	if err != nil || cfg.ClientID == "" || cfg.ClientSecret.Empty() || cfg.Now == nil {
		return nil, errors.New("github: a client id, its secret and a clock are required, and a base URL with https (or http on loopback)")
	}
	if len(cfg.Scopes) == 0 {
		p.cfg.Scopes = slices.Clone(DefaultScopes)
	}
	if cfg.Groups && !slices.Contains(p.cfg.Scopes, scopeOrganisations) {
		p.cfg.Scopes = append(slices.Clone(p.cfg.Scopes), scopeOrganisations)
	}
	header := http.Header{"User-Agent": {"Gatehouse"}} // without one the API does not answer
	p.client = idp.NewClient(idp.ClientConfig{Own: own.Hostname(), Header: header, Sick: sick, Observe: cfg.Observe, Now: cfg.Now})
	return p, nil
}

// sick: limits come as 403 too.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
func sick(status int, h http.Header, _ []byte) bool {
	return status == http.StatusForbidden && (h.Get("Retry-After") != "" || h.Get("X-RateLimit-Remaining") == "0")
}

func (p *Provider) oauth(redirect string) *oauth2.Config {
	return &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret.RevealString(), RedirectURL: redirect, Scopes: p.cfg.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: p.site + "/login/oauth/authorize", TokenURL: p.site + "/login/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams}}
}

// AuthURL implements [idp.Provider].
func (p *Provider) AuthURL(_ context.Context, r idp.AuthRequest) (string, error) {
	return p.oauth(r.RedirectURI).AuthCodeURL(r.State, oauth2.S256ChallengeOption(r.Verifier)), nil
}

// Issuer implements [idp.Provider]. GitHub sends it, and has no document that announces it.
func (p *Provider) Issuer(context.Context) (string, bool, error) {
	return p.site + "/login/oauth", false, nil
}

// Exchange implements [idp.Provider]. The token endpoint answers by a form, and tells of errors with status 200: x/oauth2
// reads both.
func (p *Provider) Exchange(ctx context.Context, c idp.Code) (idp.Identity, error) {
	token, err := p.client.Redeem(ctx, p.oauth(c.RedirectURI), c)
	if err != nil {
		return idp.Identity{}, err
	}
	return p.user(ctx, token.AccessToken)
}

// Native implements [idp.Provider]: it takes codes and access tokens.
func (p *Provider) Native(ctx context.Context, n idp.Native) (idp.Identity, error) {
	return idp.NativeByToken(ctx, n, p, p.giver, p.user)
}

// giver returns who has given an access token to this client.
func (p *Provider) giver(ctx context.Context, access string) (string, error) {
	body, err := json.Marshal(map[string]string{"access_token": access})
	if err != nil {
		return "", err
	}
	at := p.api + "/applications/" + url.PathEscape(p.cfg.ClientID) + "/token"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(p.cfg.ClientID, p.cfg.ClientSecret.RevealString())
	a, err := p.client.Call(idp.StepToken, r)
	if err != nil {
		return "", err
	}
	var said struct {
		App struct {
			ClientID string `json:"client_id"`
		} `json:"app"`
		User map[string]any `json:"user"`
	}
	switch {
	case a.Status != http.StatusOK || a.Decode(&said) != nil:
		return "", fmt.Errorf("the check of the token answers with status %d", a.Status)
	case said.App.ClientID != p.cfg.ClientID:
		return "", errors.New("it was given to another client")
	}
	return number(said.User["id"])
}

// number is the id of somebody. It is a number, and stays when they change their name; by a name that is free again somebody else could come.
func number(v any) (string, error) {
	n, _ := v.(json.Number)
	if id, err := strconv.ParseInt(n.String(), 10, 64); err != nil || id <= 0 {
		return "", errors.New("the id is not a number")
	}
	return n.String(), nil
}

// user asks whose access token it is.
func (p *Provider) user(ctx context.Context, access string) (idp.Identity, error) {
	claims := map[string]any{}
	if err := p.get(ctx, access, "/user", &claims); err != nil {
		return idp.Identity{}, idp.AsAnswer("ask who it is", err)
	}
	id := idp.Identity{Issuer: p.site, Claims: claims}
	var err error
	if id.Subject, err = number(claims["id"]); err != nil {
		return idp.Identity{}, idp.AsAnswer("ask who it is", err)
	}
	// The address in the profile is what they show to others; it need not be proven.
	delete(claims, "email")
	delete(claims, "email_verified")
	delete(claims, "groups")
	if err := p.address(ctx, access, &id); err != nil {
		return idp.Identity{}, idp.AsAnswer("ask for addresses", err)
	}
	if p.cfg.Groups {
		groups, err := p.groups(ctx, access)
		if err != nil {
			return idp.Identity{}, idp.AsAnswer("ask for organisations", err)
		}
		claims["groups"] = groups
	}
	return id, nil
}

// address adds the primary address and whether it is proven.
func (p *Provider) address(ctx context.Context, access string, id *idp.Identity) error {
	var all []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified any    `json:"verified"`
	}
	err := p.get(ctx, access, "/user/emails?per_page="+strconv.Itoa(perPage), &all)
	if errors.Is(err, errNotAllowed) {
		return nil // whoever signs in need not tell us
	}
	for _, one := range all {
		if one.Primary && one.Email != "" {
			id.Email, id.EmailVerified = one.Email, one.Verified == true
			id.Claims["email"], id.Claims["email_verified"] = id.Email, id.EmailVerified
			break
		}
	}
	return err
}

// groups returns organisations by their name, and teams as organisation/team.
func (p *Provider) groups(ctx context.Context, access string) (groups []any, err error) {
	type entry struct {
		Login string `json:"login"`
		Slug  string `json:"slug"`
		Of    struct {
			Login string `json:"login"`
		} `json:"organization"`
	}
	for _, path := range []string{"/user/orgs", "/user/teams"} {
		for page := 1; page <= mostPages; page++ {
			var list []entry
			err := p.get(ctx, access, fmt.Sprintf("%s?per_page=%d&page=%d", path, perPage, page), &list)
			if err != nil && !errors.Is(err, errNotAllowed) {
				return nil, err
			}
			for _, e := range list {
				switch {
				case e.Login != "":
					groups = append(groups, e.Login)
				case e.Slug != "" && e.Of.Login != "":
					groups = append(groups, e.Of.Login+"/"+e.Slug)
				}
			}
			if len(list) < perPage {
				break
			}
		}
	}
	return groups, nil
}

// errNotAllowed: the access token does not reach that far.
var errNotAllowed = errors.New("not allowed")

func (p *Provider) get(ctx context.Context, access, path string, into any) error {
	a, err := p.client.Get(ctx, idp.StepUserInfo, p.api+path, access)
	switch {
	case err != nil:
		return err
	case a.Status == http.StatusForbidden || a.Status == http.StatusNotFound:
		return fmt.Errorf("status %d: %w", a.Status, errNotAllowed)
	case a.Status != http.StatusOK:
		return fmt.Errorf("status %d", a.Status)
	}
	return a.Decode(into)
}
