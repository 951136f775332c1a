package caddymodule

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/breachlist"
)

// breachChecks counts what passwords were found to be. Those that are looked at are new ones, and those of sign-ins.
var breachChecks = newTally("breach_checks_total", "Passwords looked up in the list of known breaches, by outcome; unavailable: the file was lost while running.",
	breachKnown, breachUnknown, breachLost)

const (
	breachKnown   = "breached"
	breachUnknown = "clean"
	breachLost    = "unavailable"
)

// breaches is the list of a configuration. A nil one knows no password.
type breaches struct {
	list   *breachlist.List
	file   string
	logger *slog.Logger
	lost   sync.Once // told
}

// openBreaches opens the file that the option names; nil for none. A configuration whose file is damaged or missing is refused, so that
// nobody believes in a check that does not happen.
func (r *resolved) openBreaches(logger *slog.Logger) (*breaches, error) {
	if r.password.breached == "" {
		return nil, nil
	}
	file, err := readPlaceholders(r.password.breached)
	if err != nil {
		return nil, err
	}
	if file, err = filepath.Abs(file); err != nil {
		return nil, fmt.Errorf("finding the working directory: %w", err)
	}
	list, err := breachlist.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; make it with gatehouse breached build <sha1-list> %[1]s", file, r.withOwner(err))
	}
	return &breaches{list: list, file: file, logger: logger}, nil
}

// hook returns has, nil where no list is configured.
func (b *breaches) hook() func(password string) bool {
	if b == nil {
		return nil
	}
	return b.has
}

// has reports whether the list has a password. Where the file was lost while running, no password is held against anybody: it must not
// end sign-ins and sign-ups.
func (b *breaches) has(password string) bool {
	found, err := b.list.Has(password)
	switch {
	case err != nil:
		breachChecks.count(breachLost)
		b.lost.Do(func() {
			b.logger.Error("the list of breached passwords was lost; passwords are not looked up until the configuration is reloaded", "file", b.file, "error", err)
		})
	case found:
		breachChecks.count(breachKnown)
	default:
		breachChecks.count(breachUnknown)
	}
	return found
}

func (b *breaches) close() error {
	if b == nil {
		return nil
	}
	return b.list.Close()
}
