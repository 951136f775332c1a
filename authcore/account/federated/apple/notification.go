package apple

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

const (
	// notificationFor is how long after it was made a notification is taken at most: what was taken is remembered that long.
	notificationFor = 7 * 24 * time.Hour
	// maxPayload is the longest payload that is looked at, in bytes.
	maxPayload = 16 << 10
)

// VerifyNotification implements [idp.Notifications]. The event itself is JSON in a string.
//
// https://developer.apple.com/documentation/signinwithapple/processing-changes-for-sign-in-with-apple-accounts
func (p *Provider) VerifyNotification(ctx context.Context, payload string) (idp.Notification, error) {
	if len(payload) > maxPayload {
		return idp.Notification{}, idp.AsAnswer("check notification", errors.New("it is too long"))
	}
	claims, err := p.VerifyStatement(ctx, payload)
	if err != nil {
		return idp.Notification{}, err
	}
	n, err := p.read(claims)
	if err != nil {
		return idp.Notification{}, idp.AsAnswer("check notification", err)
	}
	return n, nil
}

func (p *Provider) read(claims map[string]any) (n idp.Notification, err error) {
	until, err := p.goodUntil(claims)
	if err != nil {
		return n, err
	}
	jti, _ := claims["jti"].(string)
	events, _ := claims["events"].(string)
	var event struct {
		Type    string `json:"type"`
		Subject string `json:"sub"`
	}
	switch {
	case jti == "":
		return n, errors.New("it has no jti")
	case json.Unmarshal([]byte(events), &event) != nil:
		return n, errors.New("its events are not JSON in a string")
	case event.Type == "" || !idp.UsableSubject(event.Subject):
		return n, errors.New("its event does not say what has happened to whom")
	}
	return idp.Notification{Issuer: p.base, Subject: event.Subject, Change: idp.Change(event.Type),
		Once: secret.SumString("notification " + p.base + " " + jti), OnceUntil: until}, nil
}

// goodUntil checks the times, and returns until when the notification could be taken.
func (p *Provider) goodUntil(claims map[string]any) (until time.Time, err error) {
	now := p.cfg.Now()
	issued, _ := seconds(claims["iat"]) // one that does not say so has expired
	if issued.After(now.Add(idp.Skew)) {
		return until, errors.New("it was made in the future")
	}
	until = issued.Add(notificationFor)
	if claims["exp"] != nil {
		expires, ok := seconds(claims["exp"])
		if !ok {
			return until, errors.New("its exp is not a time")
		}
		if expires.Before(until) {
			until = expires
		}
	}
	if until = until.Add(idp.Skew); !until.After(now) {
		return until, errors.New("it has expired")
	}
	return until, nil
}

func seconds(v any) (time.Time, bool) {
	number, _ := v.(json.Number)
	n, err := number.Int64()
	if err != nil {
		f, err := number.Float64()
		return time.Unix(int64(f), 0), err == nil
	}
	return time.Unix(n, 0), true
}
