package sqlstore

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	closeAccount    = "update users set epoch = epoch + 1 where id = $1 and disabled_at is null returning " + accountColumns
	closeAnyAccount = "update users set epoch = epoch + 1 where id = $1 returning " + accountColumns
	closeDueAccount = "update users set epoch = epoch + 1 where id = $1 and deletes_at <= $2 returning " + accountColumns
)

// DeleteAccount implements closure.Store.
func (s *Store) DeleteAccount(ctx context.Context, d authcore.Deletion) error {
	// It may be one of many events.
	err := s.changeBy(ctx, s.WriteLong, "delete account", func(ctx context.Context, q *tx) error { return s.deleteAccount(ctx, q, d) })
	if err != nil {
		return s.orLastAdmin(ctx, d.AccountID, err)
	}
	s.unscrubbed.Store(true)
	_ = s.scrub(context.WithoutCancel(ctx)) // the rows are gone; what fails here the next sweep does
	return nil
}

// scrub removes from the file what deleted rows have left in its log, if that has not been done yet.
func (s *Store) scrub(ctx context.Context) error {
	if !s.unscrubbed.Swap(false) {
		return nil
	}
	done, err := s.Scrub(ctx)
	if !done {
		s.unscrubbed.Store(true)
	}
	return err
}

func (s *Store) deleteAccount(ctx context.Context, q *tx, d authcore.Deletion) error {
	if err := s.lockAdminsFor(ctx, q, d.AccountID); err != nil {
		return err
	}
	// Challenges before the account, as in reset.
	if _, err := sqldb.Exec(ctx, q, dropChallenges, d.AccountID, string(authcore.PurposeVerifyEmail)); err != nil {
		return err
	}
	text, args := closeAccount, []any{d.AccountID}
	if d.Due {
		text, args = closeDueAccount, append(args, micros(d.Now))
	} else if d.Disabled {
		text = closeAnyAccount
	}
	a, err := sqldb.One(ctx, q, scanAccount, text, args...)
	if err != nil {
		return err
	}
	if err := s.keepAdmin(ctx, q, a); err != nil {
		return err
	}
	if _, err := s.endSessions(ctx, q, a, d.Now); err != nil {
		return err
	}
	fx, err := d.Effects(a)
	if err != nil {
		return err
	}
	// The hooks hear whose account it was; the rows of its events are emptied below.
	if err := record(ctx, q, fx); err != nil {
		return err
	}
	return s.erase(ctx, q, a, d.Now)
}

const (
	scheduleDeletion = `update users set deletes_at = $2, disabled_at = $3, epoch = epoch + 1, updated_at = $3
		where id = $1 returning ` + accountColumns
	dropOpenInvitations = "delete from invitations where inviter_id = $1 and used_at is null"
)

// ScheduleDeletion implements closure.Store.
func (s *Store) ScheduleDeletion(ctx context.Context, r authcore.DeletionRequest) error {
	return s.change(ctx, "schedule deletion of account", func(ctx context.Context, q *tx) error {
		if err := s.lockAdminsFor(ctx, q, r.AccountID); err != nil {
			return err
		}
		// Challenges before the account, as in reset.
		if _, err := sqldb.Exec(ctx, q, dropChallenges, r.AccountID, string(authcore.PurposeVerifyEmail)); err != nil {
			return err
		}
		a, err := sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, r.AccountID)
		if err != nil {
			return err
		}
		if a.Disabled() {
			return authcore.ErrNotFound
		}
		if err := s.keepAdmin(ctx, q, a); err != nil {
			return err
		}
		if a, err = sqldb.One(ctx, q, scanAccount, scheduleDeletion, a.ID, micros(r.DeletesAt), micros(r.Now)); err != nil {
			return err
		}
		if _, err := s.endSessions(ctx, q, a, r.Now); err != nil {
			return err
		}
		if _, err := sqldb.Exec(ctx, q, dropOpenInvitations, a.ID); err != nil {
			return err
		}
		if err := issue(ctx, q, r.Restore); err != nil {
			return err
		}
		return record(ctx, q, r.Effects)
	})
}

const cancelDeletion = `update users set deletes_at = null, disabled_at = null, updated_at = $2 where id = $1 and deletes_at > $2
	returning ` + accountColumns

// RestoreAccount implements closure.Store.
func (s *Store) RestoreAccount(ctx context.Context, r authcore.Restoration) error {
	return s.change(ctx, "restore account", func(ctx context.Context, q *tx) error {
		ch, err := consume(ctx, q, r.ChallengeID, authcore.PurposeRestore, r.Now)
		if err != nil {
			return err
		}
		a, err := sqldb.One(ctx, q, scanAccount, cancelDeletion, ch.AccountID, micros(r.Now))
		if err != nil {
			return err
		}
		fx, err := r.Effects(a)
		if err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}

const selectDue = "select id from users where deletes_at <= $1 order by deletes_at, id limit $2"

// DueDeletions implements closure.Store.
func (s *Store) DueDeletions(ctx context.Context, now time.Time, limit int) (ids []uuid.UUID, err error) {
	err = s.Read(ctx, "find due deletions", func(ctx context.Context, q sqldb.Querier) error {
		ids, err = sqldb.All(ctx, q, scanID, selectDue, micros(now), limit)
		return err
	})
	return ids, err
}

func scanIdentifier(r sqldb.Row) (id authcore.Identifier, err error) {
	return id, r.Scan(&id.Kind, &id.Value)
}

const selectIdentifiers = "select kind, value from identifiers where user_id = $1 order by kind, value"

// What is kept of an account, by table: none of it survives. $1 is the account. The rows of sessions must go before that of the account.
var ofAccount = []struct{ table, erase string }{
	{"outbox", "delete from outbox where account_id = $1"},
	{"challenges", "delete from challenges where account_id = $1"},
	{"security_links", "delete from security_links where account_id = $1"},
	{"devices", "delete from devices where account_id = $1"},
	{"avatars", "delete from avatars where account_id = $1"},
	{"factors", "delete from factors where account_id = $1"},
	{"blocks", "update blocks set created_by = null where created_by = $1"},
	{"recovery_codes", "delete from recovery_codes where account_id = $1"},
	{"pending_signins", "delete from pending_signins where account_id = $1"},
	// What takes consent back outlives the account until that is done: it says no more than which provider it is for. It is due at once.
	{"provider_grants", "update provider_grants set connection_id = null, account_id = null, due_at = 0 where account_id = $1"},
	{"connections", "delete from connections where account_id = $1"},
	{"former_connections", "delete from former_connections where account_id = $1"},
	{"social_starts", "delete from social_starts where account_id = $1"},
	{"provider_sessions", "delete from provider_sessions where account_id = $1"},
	{"dialect_tokens", "delete from dialect_tokens where account_id = $1"},
	{"sessions", "delete from sessions where account_id = $1"},
	{"identifiers", "delete from identifiers where user_id = $1"},
	// A used invitation goes with the account that it made; an unused one with whoever made it.
	{"invitations", "delete from invitations where used_by = $1 or inviter_id = $1 and used_at is null"},
	{"invitations", "update invitations set inviter_id = null where inviter_id = $1"},
	// Kind, time and result are statistics.
	{"events", `update events set account_id = null, session_id = null, device_id = null, method = '', addr = '', user_agent = '', host = '',
		actor_id = null, actor_via = '', details = '' where account_id = $1`},
	// What an administrator has done to others stays told of them, without who it was and from where.
	{"events", `update events set actor_id = null, session_id = null, device_id = null, addr = '', user_agent = '', host = '' where actor_id = $1`},
	{"users", "update users set invited_by = null where invited_by = $1"},
	{"users", "delete from users where id = $1"},
}

// What is kept of an address or number in the rows of others, who wait for one that is another's. $1 is the address.
var ofAddress = []struct{ table, erase string }{
	{"registrations", "delete from registrations where address = $1"},
	{"challenges", "delete from challenges where subject in ($1, 'unknown:email:' || cast($1 as text), 'unknown:phone:' || cast($1 as text), 'email:' || cast($1 as text), 'phone:' || cast($1 as text)) or sent_to = $1"},
	{"invitations", "delete from invitations where address = $1 and used_at is null"},
	{"users", "update users set pending_email = '', pending_email_until = null where pending_email = $1"},
	{"users", "update users set pending_phone = '', pending_phone_until = null where pending_phone = $1"},
}

// erase removes everything that is kept of an account. Only the revocation that ends its tokens has its id, until the last of them
// has expired.
func (s *Store) erase(ctx context.Context, q *tx, a authcore.Account, now time.Time) error {
	had, err := sqldb.All(ctx, q, scanIdentifier, selectIdentifiers, a.ID)
	if err != nil {
		return err
	}
	if err := leave(ctx, q, a, had, micros(now)); err != nil {
		return err
	}
	for _, address := range addressesOf(a, had) {
		if err := s.lockRegistrations(ctx, q, address); err != nil {
			return err
		}
		for _, e := range ofAddress {
			if _, err := sqldb.Exec(ctx, q, e.erase, address); err != nil {
				return err
			}
		}
	}
	for _, e := range ofAccount {
		if _, err := sqldb.Exec(ctx, q, e.erase, a.ID); err != nil {
			return err
		}
	}
	return nil
}

// addressesOf returns what a has been verified to own. What it has only claimed may be somebody else's: theirs stays.
func addressesOf(a authcore.Account, had []authcore.Identifier) (addresses []string) {
	if a.EmailVerified() {
		addresses = append(addresses, a.Email)
	}
	if a.Phone != "" && !a.PhoneVerifiedAt.IsZero() {
		addresses = append(addresses, a.Phone)
	}
	for _, id := range had {
		if id.Kind != authcore.KindUsername && id.Value != a.Email && id.Value != a.Phone {
			addresses = append(addresses, id.Value)
		}
	}
	return addresses
}

// late finds accounts that are deleted and of which something was written by a request that had found them before. Their revocation is
// there for longer than any such request lasts.
const late = `select distinct r.account_id from revocations r where r.session_id is null
	and not exists (select 1 from users u where u.id = r.account_id)
	and (exists (select 1 from events e where e.account_id = r.account_id)
		or exists (select 1 from events e where e.actor_id = r.account_id)
		or exists (select 1 from challenges c where c.account_id = r.account_id)
		or exists (select 1 from outbox o where o.account_id = r.account_id and o.due_at is not null)
		or exists (select 1 from devices d where d.account_id = r.account_id)
		or exists (select 1 from security_links l where l.account_id = r.account_id)
		or exists (select 1 from avatars a where a.account_id = r.account_id)
		or exists (select 1 from factors f where f.account_id = r.account_id)
		or exists (select 1 from recovery_codes c where c.account_id = r.account_id)
		or exists (select 1 from pending_signins p where p.account_id = r.account_id)
		or exists (select 1 from connections c where c.account_id = r.account_id)
		or exists (select 1 from former_connections c where c.account_id = r.account_id)
		or exists (select 1 from social_starts s where s.account_id = r.account_id)
		or exists (select 1 from provider_sessions p where p.account_id = r.account_id)
		or exists (select 1 from identifiers i where i.user_id = r.account_id)
		or exists (select 1 from invitations i where i.inviter_id = r.account_id))`

// sweepLate erases what was written of an account after its deletion.
func (s *Store) sweepLate(ctx context.Context) error {
	var ids []uuid.UUID
	err := s.Read(ctx, "look for rows of deleted accounts", func(ctx context.Context, q sqldb.Querier) (err error) {
		ids, err = sqldb.All(ctx, q, scanID, late)
		return err
	})
	for _, id := range ids {
		if err != nil {
			return err
		}
		err = s.Write(ctx, "erase rows of deleted account", func(ctx context.Context, q sqldb.Querier) error {
			for _, e := range ofAccount {
				if _, err := sqldb.Exec(ctx, q, e.erase, id); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return err
}
