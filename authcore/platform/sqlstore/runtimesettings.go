package sqlstore

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	overrideColumns      = "name, value, changed_at, changed_by, reason"
	settingChangeColumns = "version, name, from_value, to_value, reset, changed_at, changed_by, reason"

	settingsVersion = "select coalesce(max(version), 0) from runtime_setting_changes"
	selectOverrides = "select " + overrideColumns + " from runtime_settings order by name"
	selectMost      = "select name, max(most) from runtime_setting_changes group by name"
	settingsChanged = "select coalesce(max(changed_at), 0) from runtime_setting_changes where version = $1"
	upsertOverride  = "insert into runtime_settings (" + overrideColumns + `) values ($1, $2, $3, $4, $5)
		on conflict (name) do update set value = excluded.value, changed_at = excluded.changed_at, changed_by = excluded.changed_by, reason = excluded.reason`
	deleteOverride = "delete from runtime_settings where name = $1"
	// Of several changes with one version the first one stands, and the others wait for it to be committed.
	insertSettingChange = "insert into runtime_setting_changes (" + settingChangeColumns + `, most)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (version) do nothing`
	selectSettingChanges = "select " + settingChangeColumns + ` from runtime_setting_changes
		where name = $1 and ($2 = 0 or version < $2) order by version desc limit $3`
)

func scanOverride(r sqldb.Row) (o tuning.Override, err error) {
	return o, r.Scan(&o.Name, &o.Value, &stamp{&o.At}, &optional{&o.By}, &o.Reason)
}

func scanSettingChange(r sqldb.Row) (c tuning.Change, err error) {
	return c, r.Scan(&c.Version, &c.Name, &c.From.Text, &c.To.Text, &c.Reset, &stamp{&c.At}, &optional{&c.By}, &c.Reason)
}

// RuntimeSettings implements tuning.Store.
func (s *Store) RuntimeSettings(ctx context.Context) (state tuning.State, err error) {
	err = s.Read(ctx, "read runtime settings", func(ctx context.Context, q sqldb.Querier) error {
		state = tuning.State{Most: map[string]int64{}}
		// First: what is read after it is at least of that version, and what comes after it is read again.
		if state.Version, err = sqldb.One(ctx, q, sqldb.ScanInt, settingsVersion); err != nil || state.Version == 0 {
			return err
		}
		if state.ChangedAt, err = sqldb.One(ctx, q, scanStamp, settingsChanged, state.Version); err != nil {
			return err
		}
		if state.Overrides, err = sqldb.All(ctx, q, scanOverride, selectOverrides); err != nil {
			return err
		}
		_, err = sqldb.All(ctx, q, func(r sqldb.Row) (struct{}, error) {
			var name string
			var most int64
			err := r.Scan(&name, &most)
			state.Most[name] = most
			return struct{}{}, err
		}, selectMost)
		return err
	})
	return state, err
}

// SettingsVersion implements tuning.Store.
func (s *Store) SettingsVersion(ctx context.Context) (int64, error) {
	return s.readNumber(ctx, "read version of settings", settingsVersion)
}

// ChangeSetting implements tuning.Store.
func (s *Store) ChangeSetting(ctx context.Context, c tuning.Change, fx authcore.Effects) error {
	return s.change(ctx, "change runtime setting", func(ctx context.Context, q *tx) error {
		n, err := sqldb.Exec(ctx, q, insertSettingChange, c.Version, c.Name, c.From.Text, c.To.Text, c.Reset, micros(c.At), orNull(c.By), c.Reason,
			max(c.From.Number, c.To.Number))
		if err != nil {
			return err
		}
		if n == 0 {
			return tuning.ErrOvertaken
		}
		if c.Reset {
			_, err = sqldb.Exec(ctx, q, deleteOverride, c.Name)
		} else {
			_, err = sqldb.Exec(ctx, q, upsertOverride, c.Name, c.To.Text, micros(c.At), orNull(c.By), c.Reason)
		}
		if err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}

// SettingChanges implements tuning.Store.
func (s *Store) SettingChanges(ctx context.Context, name string, before int64, limit int) (changes []tuning.Change, err error) {
	err = s.Read(ctx, "read changes of a setting", func(ctx context.Context, q sqldb.Querier) error {
		changes, err = sqldb.All(ctx, q, scanSettingChange, selectSettingChanges, name, before, limit)
		return err
	})
	return changes, err
}
