package guard

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Anybody can cause what a shadow logs: it is told once a second, with the number of those that were not.
func TestShadow_LogsOnceASecond(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := &Shadow{Where: "here", Logger: slog.New(slog.NewTextHandler(&log, nil))}
	r, at := httptest.NewRequest("GET", "https://app.example.com/x?token=secret", nil), time.Unix(1_800_000_000, 0)
	err := authcore.Refuse(authcore.Forbidden, "No.")
	for i := range 1000 {
		s.note(r, err, at.Add(time.Duration(i)*time.Millisecond))
	}
	s.note(r, err, at.Add(time.Second))
	if text := log.String(); strings.Count(text, "would have refused") != 2 || !strings.Contains(text, "not_logged=999") || strings.Contains(text, "secret") {
		t.Errorf("the log says %s", text)
	}
}
