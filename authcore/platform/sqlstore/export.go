package sqlstore

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// exported is what a table tells its owner. Columns are named, so that one with a secret is never told by accident; a test demands that
// every column of a table of [ofAccount] is here or among its secrets.
type exported struct {
	name, table, columns, where string
	secrets                     string // columns that are not told: digests, sealed values, and the account itself
}

var exports = []exported{
	{"account", "users", "id, email, email_verified_at, email_verified_by, username, phone, phone_verified_at, first_name, last_name, avatar_url, locale, fields, " +
		"roles, own_roles, pending_email, pending_email_until, pending_phone, pending_phone_until, disabled_at, deletes_at, invited_by, first_sign_in_at, last_sign_in_at, number, kind, disabled_reason, made_by_operator, " +
		"email_reused, muted, mfa_enabled_at, mfa_preferred, password_by, password_short, breach_told_at, mfa_demanded_at, email_set_at, phone_set_at, created_at, updated_at", "id = $1", "password_hash, epoch, roles_version"},
	{"identifiers", "identifiers", "kind, value, is_current, claimed_at", "user_id = $1 order by kind, value", "user_id"},
	{"sessions", "sessions", "id, mode, amr, auth_time, created_at, last_seen_at, expires_at, refresh_expires_at, access_until, addr, user_agent, " +
		"device_name, device_id, host, parent_id, short_lived, rotated_at, replaced_by, revoked_at", "account_id = $1 order by id",
		"account_id, account_epoch, refresh_digest, previous_digest, successor"},
	{"session_tokens", "dialect_tokens", "session_id, expires_at", "account_id = $1 order by session_id, expires_at, digest", "digest, account_id"},
	{"devices", "devices", "id, name, user_agent, addr, first_seen_at, last_seen_at, trusted_until", "account_id = $1 order by id", "account_id, token_digest"},
	// A call of the administration is from the address and session of whoever made it, and is told to administrators.
	{"events", "events", "id, kind, at, result, method, addr, user_agent, host, session_id, device_id, actor_via", "account_id = $1 and kind not like 'admin.%' order by at, id",
		"account_id, actor_id, details"},
	{"codes", "challenges", "purpose, sent_to, created_at, expires_at", "account_id = $1 and expires_at > 0 order by created_at, id",
		"id, account_id, subject, code_digest, token_digest, attempts_left, attempts_reset_at, code_expires_at, binding_digest, bound_left, bound_reset_at, invitation_id"},
	{"security_links", "security_links", "kind, at, expires_at, used_at", "account_id = $1 order by at, id", "id, account_id, token_digest, undo, contact"},
	{"mails", "outbox", "kind, channel, created_at, done_at", "account_id = $1 order by created_at, id", "id, account_id, sealed, attempts, due_at, sms_due_at"},
	{"invitations", "invitations", "id, channel, address, roles, created_at, expires_at, used_at, revoked_at, number",
		"inviter_id = $1 or used_by = $1 order by created_at, id", "inviter_id, used_by, token_digest"},
	// Whom a rule keeps out is not the administrator's own.
	{"block_rules", "blocks", "id, kind, acts, reason, source, created_at, expires_at", "created_by = $1 order by created_at, id", "created_by, pattern"},
	{"factors", "factors", "id, type, name, address, created_at, confirmed_at, last_used_at, expires_at", "account_id = $1 order by id",
		"account_id, secret, last_step, credential_id, credential, sign_count"},
	{"recovery_codes", "recovery_codes", "factor_id, used_at", "account_id = $1 order by factor_id, digest", "account_id, digest"},
	{"pending_sign_ins", "pending_signins", "id, session_id, mode, method, amr, device_name, short_lived, trust_device, enrolment, wants_mfa, auth_time, provider_session, created_at, expires_at",
		"account_id = $1 order by id", "account_id, account_epoch, token_digest, device_digest, client_digest, attempts_left"},
	{"connections", "connections", "id, provider, issuer, subject, email, name, roles, made_signed_in, connected_at, last_used_at", "account_id = $1 order by id", "account_id"},
	{"consents_at_providers", "provider_grants", "id, provider", "account_id = $1 order by id",
		"connection_id, account_id, sealed, due_at, tries"},
	{"former_connections", "former_connections", "issuer, subject, at", "account_id = $1 order by issuer, subject", "account_id"},
	{"connections_begun", "social_starts", "id, provider, session_id, created_at, expires_at", "account_id = $1 order by id",
		"account_id, state_digest, browser_digest, sealed, posted"},
	{"sessions_by_provider", "provider_sessions", "session_id, provider, issuer, subject, sid, expires_at", "account_id = $1 order by session_id", "account_id"},
	{"pictures", "avatars", "name, size, media_type, image", "account_id = $1 order by name, size", "account_id"},
}

// ExportAccount implements export.Store. Values are those of JSON, times RFC 3339.
func (s *Store) ExportAccount(ctx context.Context, account uuid.UUID) (map[string][]map[string]any, error) {
	all := make(map[string][]map[string]any, len(exports))
	for _, e := range exports {
		var rows []map[string]any
		err := s.Read(ctx, "export "+e.table, func(ctx context.Context, q sqldb.Querier) (err error) {
			rows, err = sqldb.All(ctx, q, scanExported, s.exportText(e), account)
			return err
		})
		if err != nil {
			return nil, err
		}
		all[e.name] = append([]map[string]any{}, rows...)
	}
	if len(all["account"]) == 0 {
		return nil, authcore.ErrNotFound
	}
	return all, nil
}

// exportText has the database write each row as JSON, so that its columns stand in one list.
func (s *Store) exportText(e exported) string {
	object, bytes := "json_build_object", "encode(image, 'hex')"
	if s.Dialect().Name == sqldb.SQLite {
		object, bytes = "json_object", "hex(image)"
	}
	pairs := each(e.columns, func(column string) string {
		value := column
		if column == "image" {
			value = bytes
		}
		return "'" + column + "', " + value
	})
	return "select cast(" + object + "(" + pairs + ") as text) from " + e.table + " where " + e.where
}

func scanExported(r sqldb.Row) (map[string]any, error) {
	var text string
	if err := r.Scan(&text); err != nil {
		return nil, err
	}
	row := map[string]any{}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&row); err != nil {
		return nil, fmt.Errorf("read exported row: %w", err)
	}
	for column, v := range row {
		told, err := exportedValue(column, v)
		if err != nil {
			return nil, err
		}
		row[column] = told
	}
	return row, nil
}

// exportedValue is a stored value as its owner reads it.
func exportedValue(column string, v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			return nil, fmt.Errorf("read exported %s: %w", column, err)
		}
		switch {
		case column == "at" || column == "auth_time" || strings.HasSuffix(column, "_at") || strings.HasSuffix(column, "_until"):
			return time.UnixMicro(n).UTC().Format(time.RFC3339Nano), nil
		case column == "is_current" || column == "short_lived" || column == "made_by_operator" || column == "email_reused" || column == "password_short" || column == "made_signed_in": // SQLite's
			return n != 0, nil
		}
	case string:
		switch column {
		case "roles", "own_roles", "amr", "muted", "fields":
			return json.RawMessage(v), nil
		case "image":
			raw, err := hex.DecodeString(v)
			return base64.StdEncoding.EncodeToString(raw), err
		}
	}
	return v, nil
}
