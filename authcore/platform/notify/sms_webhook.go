package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// WebhookConfig says where SMS are posted. URL is required.
type WebhookConfig struct {
	URL    string
	Secret secret.Value     // signs each request; zero: none is signed
	Now    func() time.Time // of the signature; nil means time.Now
}

// Webhook is the [SMSSender] that posts each SMS as JSON to a service of the operator:
//
//	{"id": "<UUID, the same each time this SMS is tried>", "to": "+4915123456789", "text": "…"}
//
// With a secret the header Gatehouse-Signature is t=<Unix time>,v1=<hexadecimal HMAC-SHA256 of "<t>.<body>">: the receiver
// computes the same and refuses what is older than a few minutes. A 2xx takes the SMS; another 4xx than 408 and 429 refuses it for
// good; after anything else it is tried again. It is safe for concurrent use.
type Webhook struct {
	cfg    WebhookConfig
	client *http.Client
}

// SignatureHeader is the header of a signed request.
const SignatureHeader = "Gatehouse-Signature"

// NewWebhook checks cfg. It does not connect.
func NewWebhook(cfg WebhookConfig) (*Webhook, error) {
	if cfg.URL == "" {
		return nil, errors.New("a URL is required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Webhook{cfg, smsClient()}, nil
}

// Send implements [SMSSender].
func (w *Webhook) Send(ctx context.Context, m SMS) (receipt string, err error) {
	body, err := json.Marshal(struct {
		ID   string `json:"id"`
		To   string `json:"to"`
		Text string `json:"text"`
	}{m.ID.String(), m.To, m.Text})
	if err != nil {
		return "", fmt.Errorf("webhook: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return "", errors.New("webhook: the request cannot be made") // its own error quotes the URL
	}
	r.Header.Set("Content-Type", "application/json")
	if !w.cfg.Secret.Empty() {
		r.Header.Set(SignatureHeader, w.sign(body))
	}
	status, _, err := smsCall(w.client, r)
	switch {
	case err != nil:
		return "", fmt.Errorf("webhook: %w", err)
	case status/100 == 2:
		return "", nil
	case mayPass(status):
		return "", fmt.Errorf("webhook: status %d: %w", status, ErrAway)
	}
	return "", fmt.Errorf("webhook: status %d: %w", status, ErrRefused)
}

func (w *Webhook) sign(body []byte) string {
	at := strconv.FormatInt(w.cfg.Now().Unix(), 10)
	mac := hmac.New(sha256.New, w.cfg.Secret.Reveal())
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Interface guard
var _ SMSSender = (*Webhook)(nil)
