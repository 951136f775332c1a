package caddymodule

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// The log says why a provider's answer was refused, and nothing of sign-ins that went well or while the provider is away.
func TestTellProvider_LogsRefusals(t *testing.T) {
	t.Parallel()
	for code, logged := range map[authcore.Code]bool{authcore.InvalidProviderAnswer: true, authcore.ProviderDenied: true, authcore.ProviderUnavailable: false, "": false} {
		var log bytes.Buffer
		var err error
		if code != "" {
			err = authcore.Refuse(code, "Start again.").Because(errors.New("the reason"))
		}
		tellProvider(slog.New(slog.NewTextHandler(&log, nil)))("told", err)
		if line := log.String(); logged != (strings.Contains(line, "provider=told") && strings.Contains(line, "the reason")) || !logged && line != "" {
			t.Errorf("%q: %q", code, line)
		}
	}
}
