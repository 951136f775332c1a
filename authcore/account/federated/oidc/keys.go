package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// How often an id_token with a key that is not known may have the keys fetched: a provider rotates its keys in the middle of a flow, and
// anybody can make up the name of a key.
const unknownKeyPause = time.Minute

// mostKeys is how many keys of a provider are looked at.
const mostKeys = 64

// keySet verifies signatures by the provider's keys. It implements the key set of go-oidc.
type keySet struct {
	keys  *fetched[[]jose.JSONWebKey]
	at    func(ctx context.Context) (url string, algorithms []string, err error)
	now   func() time.Time
	mu    sync.Mutex
	asked time.Time // when an unknown key had them fetched last
}

func parseKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys[:min(len(set.Keys), mostKeys)] {
		var key jose.JSONWebKey
		// What is not understood is for others. A private or symmetric key in a public document signs nothing for us.
		if json.Unmarshal(raw, &key) == nil && key.Valid() && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the provider has no keys")
	}
	return keys, nil
}

// VerifySignature implements the KeySet of go-oidc.
func (k *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	at, algs, err := k.at(ctx)
	if err != nil {
		return nil, err
	}
	allowed := make([]jose.SignatureAlgorithm, len(algs))
	for i, alg := range algs {
		allowed[i] = jose.SignatureAlgorithm(alg)
	}
	signed, err := jose.ParseSigned(jwt, allowed)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, errors.New("the token has no signature by an algorithm of the provider")
	}
	keys, err := k.keys.get(ctx, at)
	if err != nil {
		return nil, err
	}
	header := signed.Signatures[0].Header
	payload, known := verifyBy(keys, signed, header)
	if payload != nil {
		return payload, nil
	}
	if known || !k.mayAsk() {
		return nil, errors.New("the signature is by no key of the provider")
	}
	if keys, err = k.keys.fetch(ctx, at); err != nil {
		return nil, err
	}
	if payload, _ = verifyBy(keys, signed, header); payload == nil {
		return nil, errors.New("the signature is by no key of the provider")
	}
	return payload, nil
}

// verifyBy returns what was signed, and whether the key is known that the token names.
func verifyBy(keys []jose.JSONWebKey, signed *jose.JSONWebSignature, header jose.Header) (payload []byte, known bool) {
	for _, key := range keys {
		if header.KeyID != "" && key.KeyID != header.KeyID {
			continue
		}
		known = known || header.KeyID != ""
		if key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := signed.Verify(key.Key); err == nil {
			return payload, true
		}
	}
	return nil, known
}

// mayAsk counts one fetch for an unknown key.
func (k *keySet) mayAsk() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.asked.IsZero() && k.now().Sub(k.asked) < unknownKeyPause {
		return false
	}
	k.asked = k.now()
	return true
}
