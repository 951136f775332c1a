package sqlstore

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// The sessions are those that the list of sessions shows.
var selectDevices = `select d.id, d.account_id, d.name, d.user_agent, d.addr, d.first_seen_at,
			case when l.seen > d.last_seen_at then l.seen else d.last_seen_at end as seen, d.trusted_until, coalesce(l.sessions, 0),
			exists (select 1 from sessions c where c.id = $2 and c.account_id = $1 and c.device_id = d.id)
		from devices d left join (select s.device_id, count(*) as sessions, max(s.last_seen_at) as seen
			from sessions s join users u on u.id = s.account_id
			where s.account_id = $1 and s.device_id is not null and ` + live("s", "$3") + `
				and u.epoch = s.account_epoch
			group by s.device_id) l on l.device_id = d.id
		where d.account_id = $1`

const (
	latestFirst  = " order by seen desc, d.id"
	renameDevice = "update devices set name = $3 where account_id = $1 and id = $2"
)

func scanDevice(r sqldb.Row) (d authcore.Device, err error) {
	return d, r.Scan(&d.ID, &d.AccountID, &d.Name, &d.UserAgent, &d.Addr, &stamp{&d.FirstSeenAt}, &stamp{&d.LastSeenAt},
		&stamp{&d.TrustedUntil}, &d.Sessions, &d.Current)
}

// Devices implements device.Store.
func (s *Store) Devices(ctx context.Context, account, session uuid.UUID, now time.Time) (list []authcore.Device, err error) {
	err = s.Read(ctx, "list devices", func(ctx context.Context, q sqldb.Querier) error {
		list, err = sqldb.All(ctx, q, scanDevice, selectDevices+latestFirst, account, session, micros(now))
		return err
	})
	return list, err
}

// RenameDevice implements device.Store.
func (s *Store) RenameDevice(ctx context.Context, account, session, id uuid.UUID, name string, now time.Time) (d authcore.Device, err error) {
	err = s.change(ctx, "rename device", func(ctx context.Context, q *tx) error {
		n, err := sqldb.Exec(ctx, q, renameDevice, account, id, name)
		if err != nil {
			return err
		}
		if n == 0 {
			return authcore.ErrNotFound
		}
		d, err = sqldb.One(ctx, q, scanDevice, selectDevices+" and d.id = $4", account, session, micros(now), id)
		return err
	})
	return d, err
}

const (
	lockOwner    = "select id from users where id = $1"
	forgetThose  = "delete from devices where account_id = $1"
	butTheirOwn  = " and id is distinct from (select device_id from sessions where id = $2 and account_id = $1)"
	forgottenIDs = " returning id"
)

// ForgetDevices implements device.Store.
//
// The account's row is locked first, as a sign-in and a hand-over lock it: whoever opens a session on one of the devices either has
// committed, and the session is found here, or does not know the device any more. A refresh waits for the row of its session, and
// finds it ended.
func (s *Store) ForgetDevices(ctx context.Context, f authcore.Forgetting) (gone authcore.Forgotten, err error) {
	err = s.change(ctx, "forget devices", func(ctx context.Context, q *tx) error {
		gone, err = s.forget(ctx, q, f)
		return err
	})
	if err != nil {
		return authcore.Forgotten{}, err
	}
	return gone, nil
}

func (s *Store) forget(ctx context.Context, q *tx, f authcore.Forgetting) (gone authcore.Forgotten, err error) {
	if _, err := sqldb.One(ctx, q, scanID, lockOwner+s.Dialect().ForUpdate, f.AccountID); err != nil {
		return gone, err
	}
	text, args := forgetThose, []any{f.AccountID}
	switch {
	case f.Others:
		text, args = text+butTheirOwn, append(args, f.SessionID)
	case !f.All:
		text, args = text+" and id "+s.Dialect().AnyOf("$2"), append(args, s.Dialect().List(f.IDs))
	}
	if gone.Devices, err = sqldb.All(ctx, q, scanID, text+forgottenIDs, args...); err != nil || len(gone.Devices) == 0 {
		return gone, err
	}
	those := revokeSessions + " and device_id " + s.Dialect().AnyOf("$3") + " order by id" + s.Dialect().ForUpdate + ")" + whatEnded
	gone.Ended, err = revokeThose(ctx, q, those, f.Now, f.AccountID, micros(f.Now), s.Dialect().List(gone.Devices))
	if err != nil {
		return gone, err
	}
	// Child sessions are on their parent's device, but those that a node of the release before has opened are on none.
	children, err := s.endChildren(ctx, q, f.AccountID, sessionsOf(gone.Ended), f.Now)
	if err != nil {
		return gone, err
	}
	gone.Ended = append(gone.Ended, children...)
	return gone, record(ctx, q, authcore.Effects{Events: eventsOf(f.Event, f.AccountID, gone.Devices)})
}

// eventsOf returns one event for each device.
func eventsOf(e authcore.Event, account uuid.UUID, devices []uuid.UUID) []authcore.Event {
	events := make([]authcore.Event, len(devices))
	for i, id := range devices {
		events[i] = e
		events[i].ID, events[i].AccountID, events[i].DeviceID = newID(), account, id
	}
	return events
}

var forgetOldestDevices = `delete from devices where id in (select d.id from devices d
	where d.account_id = $1 and d.id <> $2 and not exists (select 1 from sessions s
		where s.account_id = $1 and s.device_id = d.id and s.account_epoch = $3 and ` + live("s", "$4") + `)
	order by d.last_seen_at, d.id limit $5) returning id`

// forgetOldest forgets n devices but the one that is met, and returns the events that tell of them. A device that a session lives on
// stays: to forget it would end the session, and how many of those there may be is another limit.
func forgetOldest(ctx context.Context, q *tx, o authcore.SessionOpening, met uuid.UUID, n int64) ([]authcore.Event, error) {
	gone, err := sqldb.All(ctx, q, scanID, forgetOldestDevices, o.Session.AccountID, met, o.Session.AccountEpoch, micros(o.Session.CreatedAt),
		min(n, mostEnded))
	if err != nil {
		return nil, err
	}
	return eventsOf(o.Forgotten, o.Session.AccountID, gone), nil
}
