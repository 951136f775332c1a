package dialect

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
)

// Inspect returns what a token of the dialect says while its session lives, as the API answers it (RFC 7662); nil for any other. It changes
// nothing.
func (s *Site) Inspect(ctx context.Context, raw string) (map[string]any, error) {
	if s.Settings.Keys == nil {
		return nil, nil // the tokens are those of the dialect that it borrows from
	}
	t, err := s.Open(raw)
	if err == nil && t.Use == jwtkeys.ForeignAccess {
		switch _, err := s.Flows.Auth.AuthenticateDialect(raw, s.Settings.Keys.Has); {
		case authcore.CodeOf(err) == authcore.InvalidToken:
			return nil, nil
		case err != nil:
			return nil, err
		}
		says := map[string]any{}
		for name, value := range t.Members {
			says[name] = value
		}
		says["active"], says["token_type"], says["dialect"] = true, "access_token", s.Dialect.Name
		return says, nil
	}
	p, err := s.Presented(raw)
	if err != nil {
		return nil, nil
	}
	sess, account, err := s.Flows.Dialects.Inspect(ctx, p)
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	id, err := json.Marshal(s.UserIDOf(account))
	return map[string]any{"active": true, "token_type": "refresh_token", "dialect": s.Dialect.Name, "user_id": json.RawMessage(id),
		"sid": sess.ID.String(), "exp": sess.RefreshExpiresAt.Unix()}, err
}
