package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// maxToken is the longest token that is looked at, in bytes.
const maxToken = 64 << 10

// verifier checks signature and form; issuer, audience and times are checked here, by rules that go-oidc does not have.
func (p *Provider) verifier(m metadata) (*oidc.IDTokenVerifier, *keyErrors) {
	keys := &keyErrors{keySet: p.keys}
	return oidc.NewVerifier(p.cfg.Issuer, keys, &oidc.Config{SupportedSigningAlgs: m.Algorithms, SkipIssuerCheck: true, SkipClientIDCheck: true,
		SkipExpiryCheck: true}), keys
}

// keyErrors keeps why keys could not be had, which go-oidc makes text of.
type keyErrors struct {
	*keySet
	err error
}

// VerifySignature implements the KeySet of go-oidc.
func (k *keyErrors) VerifySignature(ctx context.Context, jwt string) (payload []byte, err error) {
	payload, k.err = k.keySet.VerifySignature(ctx, jwt)
	return payload, k.err
}

// of returns the error of a check with that cause.
func (k *keyErrors) of(err error) error {
	if errors.Is(k.err, idp.ErrUnavailable) {
		return k.err
	}
	return err
}

// signed checks what every token of the provider must have: a signature by one of its keys, and its name (C05).
func (p *Provider) signed(ctx context.Context, raw string) (t *oidc.IDToken, claims map[string]any, err error) {
	if len(raw) > maxToken {
		return nil, nil, fmt.Errorf("it is too long: %w", idp.ErrAnswer)
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return nil, nil, err
	}
	verifier, keys := p.verifier(m)
	if t, err = verifier.Verify(ctx, raw); err != nil {
		return nil, nil, keys.of(err)
	}
	if !slices.Contains(p.names(), t.Issuer) {
		return nil, nil, errors.New("it is by another issuer")
	}
	claims, err = decodeClaims(t)
	return t, claims, err
}

// names are all that the issuer is called.
func (p *Provider) names() []string { return append([]string{p.cfg.Issuer}, p.cfg.Names...) }

// audiences are all clients for which tokens from apps are taken.
func (p *Provider) audiences() []string { return append([]string{p.cfg.ClientID}, p.cfg.Audiences...) }

// VerifyStatement checks a signed message of the provider that is neither an id_token nor a logout token: signature, issuer and audience, of all
// clients. The claims are returned as they are; times are the caller's to check. ErrAnswer, ErrUnavailable.
func (p *Provider) VerifyStatement(ctx context.Context, raw string) (claims map[string]any, err error) {
	t, claims, err := p.signed(ctx, raw)
	if err == nil && !overlap(t.Audience, p.audiences()) {
		err = errors.New("it is for another client")
	}
	if err != nil {
		return nil, idp.AsAnswer("check statement", err)
	}
	return claims, nil
}

// verify checks an id_token (OpenID Connect Core §3.1.3.7, C03, C05): signature, issuer, audience, authorised party, times and nonce.
func (p *Provider) verify(ctx context.Context, raw string, audiences []string, nonce string) (id idp.Identity, checked *oidc.IDToken, err error) {
	checked, claims, err := p.signed(ctx, raw)
	if err != nil {
		return id, nil, idp.AsAnswer("check id_token", err)
	}
	azp, _ := claims["azp"].(string)
	switch {
	case !idp.UsableSubject(checked.Subject):
		err = errors.New("its subject is missing or not text")
	case !overlap(checked.Audience, audiences):
		err = errors.New("it is for another client")
	case len(checked.Audience) > 1 && azp == "", claims["azp"] != nil && !slices.Contains(audiences, azp):
		err = errors.New("it was issued to another client")
	case nonce != "" && !secret.SumString(checked.Nonce).Equal(secret.SumString(nonce)):
		err = errors.New("it is of another request")
	default:
		err = p.checkTimes(claims, checked.Expiry, checked.IssuedAt)
	}
	if err != nil {
		return id, nil, idp.AsAnswer("check id_token", err)
	}
	// What is taken once is what was signed, not how it is written: white space, spare bits of base64 and the other signature of ECDSA would make
	// of one token many (replay, C01).
	statement, err := json.Marshal(claims)
	if err != nil {
		return id, nil, idp.AsAnswer("check id_token", err)
	}
	id = idp.Identity{Issuer: p.cfg.Issuer, Subject: checked.Subject, Claims: claims, AMR: texts(claims["amr"]),
		Once: secret.SumString("id_token " + string(statement)), OnceUntil: checked.Expiry.Add(idp.Skew)}
	if sid, _ := claims["sid"].(string); idp.UsableSubject(sid) { // another one no logout can name
		id.SID = sid
	}
	return withEmail(id), checked, nil
}

// decodeClaims returns the claims of an id_token or a logout token.
func decodeClaims(t interface{ Claims(any) error }) (claims map[string]any, err error) {
	var raw rawClaims
	if err = t.Claims(&raw); err == nil {
		err = idp.Decode(raw, &claims)
	}
	return claims, err
}

// rawClaims keeps the text, so that numbers stay as they are.
type rawClaims []byte

// UnmarshalJSON implements json.Unmarshaler.
func (r *rawClaims) UnmarshalJSON(b []byte) error {
	*r = append((*r)[:0], b...)
	return nil
}

// checkTimes demands both times, and that now is between them.
func (p *Provider) checkTimes(claims map[string]any, expires, issued time.Time) error {
	now := p.cfg.Now()
	switch {
	case claims["exp"] == nil || claims["iat"] == nil:
		return errors.New("it does not say when it was issued and expires")
	case !expires.After(now.Add(-idp.Skew)):
		return errors.New("it has expired")
	case issued.After(now.Add(idp.Skew)):
		return errors.New("it was issued in the future")
	}
	return nil
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

func texts(v any) (all []string) {
	list, _ := v.([]any)
	for _, one := range list {
		if text, ok := one.(string); ok {
			all = append(all, text)
		}
	}
	return all
}

// maxLogout is how long a logout token may live: what was taken is remembered that long.
const maxLogout = time.Hour

// VerifyLogout implements [idp.Logouts] (OpenID Connect Back-Channel Logout 1.0 §2.6).
func (p *Provider) VerifyLogout(ctx context.Context, token string) (idp.Logout, error) {
	if len(token) > maxToken {
		return idp.Logout{}, fmt.Errorf("the logout token is too long: %w", idp.ErrAnswer)
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return idp.Logout{}, err
	}
	verifier, keys := p.verifier(m)
	t, err := verifier.VerifyLogout(ctx, token)
	if err != nil {
		return idp.Logout{}, idp.AsAnswer("check logout token", keys.of(err))
	}
	claims, err := decodeClaims(t)
	if err != nil {
		return idp.Logout{}, idp.AsAnswer("check logout token", err)
	}
	err = p.checkTimes(claims, t.Expiry, t.IssuedAt)
	switch {
	case err != nil:
	case !slices.Contains(p.names(), t.Issuer):
		err = errors.New("it is by another issuer")
	case !slices.Contains(t.Audience, p.cfg.ClientID):
		err = errors.New("it is for another client")
	case t.Expiry.Sub(t.IssuedAt) > maxLogout:
		err = errors.New("it lives for too long")
	case t.Subject != "" && !idp.UsableSubject(t.Subject), t.SessionID != "" && !idp.UsableSubject(t.SessionID):
		err = errors.New("its subject or session is not usable")
	}
	if err != nil {
		return idp.Logout{}, idp.AsAnswer("check logout token", err)
	}
	return idp.Logout{Issuer: p.cfg.Issuer, Subject: t.Subject, SID: t.SessionID,
		Once: secret.SumString("jti " + p.cfg.Issuer + " " + t.TokenID), OnceUntil: t.Expiry.Add(idp.Skew)}, nil
}
