package caddymodule

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// loadSender loads the guest module of a field of s. what names a T to the operator, with its article.
func loadSender[T any](ctx caddy.Context, s *Settings, field, what string) (sender T, err error) {
	mod, err := ctx.LoadModule(s, field)
	if err != nil {
		return sender, fmt.Errorf("loading the sender: %w", err)
	}
	sender, ok := mod.(T)
	if !ok {
		return sender, fmt.Errorf("%T is not %s", mod, what)
	}
	return sender, nil
}

// parseSender reads `<option> <sender> …`; what follows the sender's name is the sender's own. Senders are the guest modules below
// namespace.
func parseSender[T any](d *caddyfile.Dispenser, namespace, what string) (json.RawMessage, error) {
	option := d.Val()
	if !d.NextArg() {
		return nil, d.Errf("%s takes the name of a sender: %s outbox", option, option)
	}
	var senders []string
	for _, m := range caddy.GetModules(namespace) {
		senders = append(senders, strings.TrimPrefix(string(m.ID), namespace+"."))
	}
	name := d.Val()
	if !slices.Contains(senders, name) {
		return nil, d.Errf("%s: %s", option, unknownWord(what+" of this build", name, senders))
	}
	mod, err := caddyfile.UnmarshalModule(d, namespace+"."+name)
	if err != nil {
		return nil, err
	}
	if _, ok := mod.(T); !ok {
		return nil, d.Errf("%s: %T is not %s", option, mod, what)
	}
	return caddyconfig.JSONModuleObject(mod, "sender", name, nil), nil
}

// parseFolder reads `<option> outbox [<dir>]` from the sender's name on.
func parseFolder(d *caddyfile.Dispenser, option string) (dir string, err error) {
	d.Next() // the sender's name
	switch args := d.RemainingArgs(); {
	case len(args) > 1, len(args) == 1 && args[0] == "":
		return "", d.Errf("%s outbox takes at most one value, a folder", option)
	case len(args) == 1:
		dir = args[0]
	}
	if d.NextBlock(0) {
		return "", d.Errf("%s outbox takes no block", option)
	}
	if err := checkFolder(option, dir); err != nil {
		return "", d.WrapErr(err)
	}
	return dir, nil
}

// checkFolder checks the name of the folder of `<option> outbox`; it does not touch it.
func checkFolder(option, dir string) error {
	if err := checkPlaceholders(dir); err != nil {
		return fmt.Errorf("%s outbox: %w", option, err)
	}
	return nil
}

// folderOr returns the absolute folder that dir names, which may hold {env.*} and {file.*}; byDefault where it is empty.
func folderOr(dir, byDefault string) (string, error) {
	if dir == "" {
		return byDefault, nil
	}
	dir, err := readPlaceholders(dir)
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}
