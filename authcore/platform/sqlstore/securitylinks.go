package sqlstore

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const linkColumns = "id, account_id, token_digest, kind, contact, at, undo, expires_at, used_at"

func scanLink(r sqldb.Row) (l authcore.SecurityLink, err error) {
	return l, r.Scan(&l.ID, &l.AccountID, &digest{&l.TokenDigest}, &l.Kind, &l.Contact, &stamp{&l.At}, &l.Undo, &stamp{&l.ExpiresAt}, &stamp{&l.UsedAt})
}

var insertLink = "insert into security_links (" + linkColumns + ") values (" + parameters(linkColumns) + ")"

// recordLinks writes the links of the mails that belong to the change of this transaction.
func recordLinks(ctx context.Context, q *tx, links []authcore.SecurityLink) error {
	for _, l := range links {
		_, err := sqldb.Exec(ctx, q, insertLink, l.ID, l.AccountID, l.TokenDigest.Bytes(), string(l.Kind), l.Contact, micros(l.At),
			l.Undo, micros(l.ExpiresAt), micros(l.UsedAt))
		if err != nil {
			return err
		}
	}
	return nil
}

const selectOpenContactLinks = "select " + linkColumns + ` from security_links
	where account_id = $1 and contact and used_at is null and expires_at > $2 order by at, id`

// OpenContactLinks implements notice.Store.
func (s *Store) OpenContactLinks(ctx context.Context, account uuid.UUID, now time.Time) (links []authcore.SecurityLink, err error) {
	err = s.Read(ctx, "find security links", func(ctx context.Context, q sqldb.Querier) error {
		links, err = sqldb.All(ctx, q, scanLink, selectOpenContactLinks, account, micros(now))
		return err
	})
	return links, err
}

const selectSealedLinks = "select " + linkColumns + " from security_links where id > $1 and undo is not null order by id limit $2"

// SealedLinks implements operator.Store.
func (s *Store) SealedLinks(ctx context.Context, after uuid.UUID, limit int) (links []authcore.SecurityLink, err error) {
	err = s.Read(ctx, "read sealed security links", func(ctx context.Context, q sqldb.Querier) error {
		links, err = sqldb.All(ctx, q, scanLink, selectSealedLinks, after, limit)
		return err
	})
	return links, err
}

const resealLink = "update security_links set undo = $3 where id = $1 and undo = $2"

// ResealLink implements operator.Store.
func (s *Store) ResealLink(ctx context.Context, id uuid.UUID, old, sealed []byte) error {
	return s.Single(ctx, "seal security link again", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, resealLink, id, old, sealed)
		return err
	})
}

const dropLink = "delete from security_links where id = $1"

// DropLink implements operator.Store.
func (s *Store) DropLink(ctx context.Context, id uuid.UUID) error {
	return s.Single(ctx, "drop security link", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, dropLink, id)
		return err
	})
}
