package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// TwilioConfig says how Twilio is reached. AccountSID, AuthToken and one of From and MessagingService are required.
type TwilioConfig struct {
	AccountSID       string
	AuthToken        secret.Value
	From             string // a number in E.164, or a name where the country allows one
	MessagingService string // the SID of a messaging service, which chooses the sender
	BaseURL          string // default https://api.twilio.com
}

// Twilio is the [SMSSender] that hands SMS to Twilio's REST API
// (https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource). It is safe for concurrent use.
type Twilio struct {
	cfg    TwilioConfig
	url    string
	client *http.Client
}

// NewTwilio checks cfg. It does not connect.
func NewTwilio(cfg TwilioConfig) (*Twilio, error) {
	if cfg.AccountSID == "" || cfg.AuthToken.Empty() || (cfg.From == "") == (cfg.MessagingService == "") {
		return nil, errors.New("an account, its token, and either a sender or a messaging service are required")
	}
	base := strings.TrimSuffix(cmp.Or(cfg.BaseURL, "https://api.twilio.com"), "/")
	return &Twilio{cfg, base + "/2010-04-01/Accounts/" + url.PathEscape(cfg.AccountSID) + "/Messages.json", smsClient()}, nil
}

// Send implements [SMSSender]: the receipt is the SID of the message. Twilio has no mark by which it would know a message again: one
// whose answer was lost is sent a second time.
func (t *Twilio) Send(ctx context.Context, m SMS) (receipt string, err error) {
	form := url.Values{"To": {m.To}, "Body": {m.Text}}
	if t.cfg.From != "" {
		form.Set("From", t.cfg.From)
	} else {
		form.Set("MessagingServiceSid", t.cfg.MessagingService)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, strings.NewReader(form.Encode()))
	if err != nil {
		return "", errors.New("twilio: the request cannot be made") // its own error quotes the URL
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	r.SetBasicAuth(t.cfg.AccountSID, t.cfg.AuthToken.RevealString())
	status, body, err := smsCall(t.client, r)
	if err != nil {
		return "", fmt.Errorf("twilio: %w", err)
	}
	var answer struct {
		SID  string `json:"sid"`
		Code int    `json:"code"`
	}
	_ = json.Unmarshal(body, &answer) // cut off, it is as if it were not there
	if status/100 == 2 {
		return shown(answer.SID), nil
	}
	return "", twilioError(status, answer.Code)
}

// ours are errors of Twilio's 400 (https://www.twilio.com/docs/api/errors) that are the fault of the settings: every SMS would be
// refused likewise, until they are right or the account is topped up.
var ours = map[int]bool{
	20003: true, // credentials
	20005: true, // the account is not active
	21212: true, // from: not a number
	21603: true, // from: missing
	21606: true, // from: not a number that can send
	21659: true, // from: not a number of the account
	21660: true, // from: of another account
	21701: true, // the messaging service does not exist
	21703: true, // the messaging service has no number
}

// twilioError says what an answer other than success means. It does not quote the answer, which names the recipient.
func twilioError(status, code int) error {
	kind := ErrAway
	if !mayPass(status) && status != http.StatusUnauthorized && status != http.StatusForbidden && status != http.StatusNotFound && !ours[code] {
		kind = ErrRefused
	}
	if code == 0 {
		return fmt.Errorf("twilio: status %d: %w", status, kind)
	}
	return fmt.Errorf("twilio: status %d, error %d (https://www.twilio.com/docs/api/errors/%[2]d): %w", status, code, kind)
}

// Interface guard
var _ SMSSender = (*Twilio)(nil)
