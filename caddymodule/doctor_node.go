package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
)

// nodeState is what a running gateway knows of itself.
type nodeState struct {
	signs, clockWrong bool
	skew              time.Duration
	database          error
	waiting           int    // mails
	mail, redis       string // why they fail; "" where they do not
}

func (f *findings) node(s nodeState) {
	if !s.signs {
		f.add("keys", portal.FindingError, "secret")
	}
	if s.clockWrong {
		f.add("clock", portal.FindingError, "NTP", "Skew", s.skew.Round(time.Second))
	}
	if s.database != nil {
		f.database(s.database)
	}
	if s.mail != "" {
		f.add("mail.failing", portal.FindingError, "mail", "Waiting", s.waiting, "Error", s.mail)
	}
	if s.redis != "" {
		f.add("redis", portal.FindingWarning, "redis", "Error", s.redis)
	}
}

func (f *findings) database(err error) {
	f.add("postgres", portal.FindingError, "database", "Error", err.Error())
}

// administrators looks for somebody who administers.
func (f *findings) administrators(ctx context.Context, store *sqlstore.Store) error {
	has, err := store.HasAdministrator(ctx)
	if err == nil && !has {
		f.add("no_admin", portal.FindingWarning, "admins")
	}
	return err
}

// migrations looks whether the schema is the one that this program knows.
func (f *findings) migrations(ctx context.Context, store *sqlstore.Store) error {
	found, known, err := store.SchemaVersions(ctx)
	switch {
	case err != nil:
		return err
	case found > known:
		f.add("migrations.newer", portal.FindingWarning, "database", "Found", found, "Known", known)
	case found < known && found > 0: // of an empty one the first start makes the schema
		f.add("migrations.older", portal.FindingInfo, "database", "Found", found, "Known", known)
	}
	return nil
}

// overridden looks for settings by which something else rules than the configuration says.
func (f *findings) overridden(all []tuning.Setting) {
	var names []string
	for _, s := range all {
		if s.Source == tuning.FromRuntime {
			names = append(names, s.Name)
		}
	}
	if len(names) > 0 {
		f.add("settings_overridden", portal.FindingInfo, "runtime_settings", "Names", strings.Join(names, ", "))
	}
}

// issuerLook asks whether this gateway answers at the issuer. An answer is good for a minute: whoever looks at the console often must not
// make it ask as often.
type issuerLook struct {
	mu   sync.Mutex
	url  string
	at   time.Time
	last error
}

const (
	issuerLooked = time.Minute
	issuerWait   = 3 * time.Second
)

// ask returns why nothing of ours answers at a portal; nil if it does, and where there is no issuer.
func (l *issuerLook) ask(ctx context.Context, portalURL string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.url != portalURL || time.Since(l.at) > issuerLooked {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), issuerWait)
		defer cancel()
		l.last = answersAt(ctx, portalURL)
		l.url, l.at = portalURL, time.Now()
	}
	return l.last
}

// answersAt asks a portal whether it lives. It follows no redirect.
func answersAt(ctx context.Context, portalURL string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, portalURL+"/healthz", nil)
	if err != nil {
		return err
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}}
	answer, err := client.Do(r)
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err // without the address, which the finding names
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 1<<10)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return nil
}

// issuer looks whether this gateway answers where links lead.
func (f *findings) issuer(ctx context.Context, look *issuerLook, portalURL string) {
	if err := look.ask(ctx, portalURL); err != nil {
		f.add("issuer_unreachable", portal.FindingWarning, "issuer", "URL", portalURL, "Error", err.Error())
	}
}
