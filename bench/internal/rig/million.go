package rig

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

// Administered starts a gateway whose administrator is [Email], over a cluster or, without one, over SQLite.
func (r *Rig) Administered(c *Cluster) (*Server, error) {
	more := "\t\tadmins " + Email + "\n\t\trate_limit admin off\n\t\tinvitations users\n"
	if c != nil {
		more += fmt.Sprintf("\t\tdatabase %s\n\t\tsecret {file.%s}\n\t\tmail outbox %s\n", c.database, c.secret, c.outbox)
	}
	s, err := r.prepared("", more, "", false)
	if err != nil {
		return nil, err
	}
	if c != nil {
		s.outbox = c.outbox
	}
	return s, r.Again(s)
}

// batch is how many rows are written at once.
const batch = 20_000

// filling are the rows of a big gateway: i counts, {n} is the number of accounts, {id:…} and {uuid:…} are the id of a number, {t:…} is when
// in the year before now something was, as a share of it that i says.
var filling = []struct {
	share  float64 // of the number of accounts
	most   int     // 0: no limit
	insert string
}{
	{1, 0, `users (number, id, email, email_verified_at, username, phone, first_name, last_name, avatar_url, roles, password_hash, epoch, roles_version, disabled_at, kind,
			mfa_enabled_at, last_sign_in_at, invited_by, created_at, updated_at)
		select i + 100, {id:i}, lower(trim(substr({first}, 1 + 7 * (i % 20), 7))) || '.' || i || '@example.com', case when i % 20 > 0 then {t:i} end, 'user' || i,
			case when i % 3 = 0 then '+43660' || (1000000 + i) else '' end, trim(substr({first}, 1 + 7 * (i % 20), 7)), 'Family' || (i % 997), '',
			case when i % 50000 = 7 then '["staff"]' when i % 4 = 0 then '["customer"]' else '[]' end, '', 0, 0, case when i % 1000 = 3 then {t:i} end,
			case when i % 10000 = 9 then 'service' else 'person' end, case when i % 10 = 0 then {t:i} end, case when i % 5 > 0 then {t:i} end,
			case when i % 5 = 0 then {id:1} end, {t:i}, {t:i}`},
	{1, 0, `identifiers (kind, value, user_id, is_current, claimed_at) select 'email', lower(trim(substr({first}, 1 + 7 * (i % 20), 7))) || '.' || i || '@example.com', {id:i}, {true}, {t:i}`},
	{1, 0, `identifiers (kind, value, user_id, is_current, claimed_at) select 'username', 'user' || i, {id:i}, {true}, {t:i}`},
	{0.5, 0, `sessions (id, account_id, account_epoch, mode, amr, auth_time, created_at, last_seen_at, refresh_digest, refresh_expires_at, expires_at, addr, user_agent, device_name)
		select {id:i}, {id:1 + (i * 7) % {n}}, 0, 'bearer', '["pwd"]', {t:i}, {t:i}, {t:i}, {blob}, {later}, {later}, '192.0.2.' || (i % 250),
			'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', ''`},
	{1, 0, `events (id, kind, at, account_id, session_id, result, method, addr, user_agent)
		select {id:i}, case i % 10 when 0 then 'session.sign_in_failed' when 1 then 'account.registered' when 2 then 'session.signed_out' else 'session.signed_in' end, {t:i},
			{id:1 + (i * 7) % {n}}, case when i % 10 > 2 then {id:i} end, case when i % 10 = 0 then 'invalid_credentials' else 'success' end, 'password', '192.0.2.' || (i % 250),
			'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'`},
	{0.3, 0, `invitations (id, inviter_id, channel, address, roles, token_digest, created_at, expires_at, used_at, used_by, revoked_at)
		select {id:i}, {id:1 + i % 1000}, 'email', 'guest' || i || '@example.com', '[]', {token}, {t:i}, {t:i} + 604800000000, case when i % 3 = 0 then {t:i} end,
			case when i % 3 = 0 then {id:i} end, case when i % 3000 = 1 then {t:i} end`},
	{0.01, 9_900, `blocks (id, kind, pattern, acts, reason, source, created_at, created_by, expires_at)
		select {id:i}, case when i % 2 = 0 then 'email' else 'ip' end, case when i % 2 = 0 then '*@spam' || i || '.example' else '198.51.' || (i / 250) || '.' || (i % 250) end,
			'signup', 'spam', 'runtime', {t:i}, {id:1}, null`},
	{0.01, 2_000, `runtime_setting_changes (version, name, from_value, to_value, most, reset, changed_at, changed_by, reason)
		select i + 1000, 'access_lifetime', '5m', '10m', 0, {false}, {t:i}, {id:1}, 'trying'`},
	{0.05, 9_000, `stats (hour, name, result, method, n) select {hour} - 3600000000 * (i + 2), 'accounts_created', '', '', i % 90`},
	{0.05, 9_000, `stats (hour, name, result, method, n) select {hour} - 3600000000 * (i + 2), 'sign_ins', 'success', 'password', 900 + i % 90`},
	{0.05, 9_000, `stats (hour, name, result, method, n) select {hour} - 3600000000 * (i + 2), 'sign_ins', 'invalid_credentials', 'password', i % 90`},
}

// Fill writes so many accounts, and what comes with them, into the database of a gateway that is stopped, or of a cluster.
func Fill(ctx context.Context, s *Server, c *Cluster, accounts int) (err error) {
	at := "sqlite:" + filepath.Join(s.Dir, "data", "gatehouse.db")
	if c != nil {
		at = c.database
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: at, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	lite := c == nil
	for _, f := range filling {
		rows := int(f.share * float64(accounts))
		if f.most > 0 {
			rows = min(rows, f.most)
		}
		text := "insert into " + written(f.insert, accounts, lite) + " from (with recursive n(i) as (select cast($1 as integer) union all select i + 1 from n where i < $2) select i from n) as n"
		for from := 1; from <= rows; from += batch {
			err := store.WriteLong(ctx, "fill", func(ctx context.Context, q sqldb.Querier) error {
				_, err := sqldb.Exec(ctx, q, text, from, min(from+batch-1, rows))
				return err
			})
			if err != nil {
				return fmt.Errorf("fill %.20s: %w", f.insert, err)
			}
		}
	}
	if lite {
		return nil
	}
	for _, text := range []string{"analyze users", "analyze sessions", "analyze events", "analyze invitations", "analyze identifiers", "select setval(pg_get_serial_sequence('users', 'number'), max(number)) from users"} { // what autovacuum does, and each insert
		if err := store.WriteLong(ctx, "fill", func(ctx context.Context, q sqldb.Querier) error {
			_, err := sqldb.Exec(ctx, q, text)
			return err
		}); err != nil {
			return fmt.Errorf("fill: %w", err)
		}
	}
	return nil
}

// written fills the places of a statement of filling.
func written(text string, accounts int, lite bool) string {
	now := time.Now()
	year := int64(365 * 24 * time.Hour / time.Microsecond)
	replaced := map[string]string{
		"{first}": "'Ada    Grace  Alan   Linus  Edsger BarbaraDonald Ken    Dennis Margar Radia  Tim    Vint   Leslie John   Frances Jean  Mary   Konrad Anita  '",
		"{n}":     fmt.Sprint(accounts), "{later}": fmt.Sprint(now.Add(30 * 24 * time.Hour).UnixMicro()), "{hour}": fmt.Sprint(now.Truncate(time.Hour).UnixMicro()),
		"{true}": "true", "{false}": "false",
	}
	if lite {
		replaced["{blob}"], replaced["{token}"] = "zeroblob(32)", "cast(printf('%032d', i) as blob)"
	} else {
		replaced["{blob}"], replaced["{token}"] = "decode(repeat('00', 32), 'hex')", "convert_to(lpad(cast(i as text), 32, '0'), 'UTF8')"
	}
	for place, with := range replaced {
		text = strings.ReplaceAll(text, place, with)
	}
	for _, place := range []string{"{id:", "{t:"} {
		for {
			before, rest, found := strings.Cut(text, place)
			if !found {
				break
			}
			inner, after, _ := strings.Cut(rest, "}")
			with := "printf('%08x-0000-7000-8000-000000000000', " + inner + ")"
			switch {
			case place == "{t:":
				with = fmt.Sprintf("(%d + cast((%s) as bigint) * %d)", now.UnixMicro()-year, inner, year/int64(accounts))
			case !lite:
				with = "cast(lpad(to_hex(" + inner + "), 8, '0') || '-0000-7000-8000-000000000000' as uuid)"
			}
			text = before + with + after
		}
	}
	return text
}
