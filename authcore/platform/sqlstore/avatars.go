package sqlstore

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	setAvatar     = "update users set avatar_url = $2, updated_at = $3 where id = $1 returning " + accountColumns
	deleteAvatars = "delete from avatars where account_id = $1"
	insertAvatar  = "insert into avatars (name, size, account_id, media_type, image) values ($1, $2, $3, $4, $5)"
	selectAvatar  = "select name, size, media_type, image from avatars where name = $1 and size = $2"
)

// SetAvatar implements avatar.Store. The row of the account is changed first: of two at once one waits for the other, so that what is
// left are the pictures of the one whose name the account has.
func (s *Store) SetAvatar(ctx context.Context, id uuid.UUID, name string, pictures []authcore.Picture, now time.Time,
	fx authcore.Effects) (a authcore.Account, err error) {
	err = s.change(ctx, "set avatar", func(ctx context.Context, q *tx) error {
		if a, err = sqldb.One(ctx, q, scanAccount, setAvatar, id, name, micros(now)); err != nil {
			return err
		}
		if _, err := sqldb.Exec(ctx, q, deleteAvatars, id); err != nil {
			return err
		}
		for _, p := range pictures {
			if _, err := sqldb.Exec(ctx, q, insertAvatar, name, p.Size, id, p.MediaType, p.Image); err != nil {
				return err
			}
		}
		return record(ctx, q, fx)
	})
	return a, err
}

// Avatar implements avatar.Store.
func (s *Store) Avatar(ctx context.Context, name string, size int) (p authcore.Picture, err error) {
	err = s.Read(ctx, "read avatar", func(ctx context.Context, q sqldb.Querier) error {
		p, err = sqldb.One(ctx, q, func(r sqldb.Row) (p authcore.Picture, err error) {
			return p, r.Scan(&p.Name, &p.Size, &p.MediaType, &p.Image)
		}, selectAvatar, name, size)
		return err
	})
	return p, err
}
