package sqlstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const connectionColumns = "id, account_id, provider, issuer, subject, email, name, roles, made_signed_in, connected_at, last_used_at"

func scanConnection(r sqldb.Row) (c authcore.Connection, err error) {
	return c, r.Scan(&c.ID, &c.AccountID, &c.Provider, &c.Issuer, &c.Subject, &c.Email, &c.Name, &jsonList[string]{&c.Roles}, &c.MadeSignedIn,
		&stamp{&c.ConnectedAt}, &stamp{&c.LastUsedAt})
}

const (
	selectBySubject   = "select " + connectionColumns + " from connections where issuer = $1 and subject = $2"
	selectConnection  = "select " + connectionColumns + " from connections where id = $1"
	selectConnections = "select " + connectionColumns + " from connections where account_id = $1 order by id"
	countFormer       = "select count(*) from former_connections where issuer = $1 and subject = $2"
)

// ConnectionOf implements federated.Store.
func (s *Store) ConnectionOf(ctx context.Context, issuer, subject string) (c authcore.Connection, a authcore.Account, former bool, err error) {
	err = s.Read(ctx, "find connection", func(ctx context.Context, q sqldb.Querier) error {
		n, err := sqldb.One(ctx, q, sqldb.ScanInt, countFormer, issuer, subject)
		if err != nil {
			return err
		}
		former = n > 0
		if c, err = sqldb.One(ctx, q, scanConnection, selectBySubject, issuer, subject); err != nil {
			return err
		}
		a, err = sqldb.One(ctx, q, scanAccount, selectAccount, c.AccountID)
		return err
	})
	return c, a, former, err
}

// AccountConnections implements federated.Store.
func (s *Store) AccountConnections(ctx context.Context, account uuid.UUID) (all []authcore.Connection, err error) {
	err = s.Read(ctx, "list connections", func(ctx context.Context, q sqldb.Querier) error {
		all, err = sqldb.All(ctx, q, scanConnection, selectConnections, account)
		return err
	})
	return all, err
}

const (
	useConnection = "update connections set email = $2, name = $3, roles = $4, last_used_at = $5 where id = $1"
	fillAccount   = `update users set first_name = $2, last_name = $3, locale = $4, fields = $5, updated_at = $6 where id = $1
		returning ` + accountColumns
)

// UseConnection implements federated.Store. The account is held first, as everywhere.
func (s *Store) UseConnection(ctx context.Context, u authcore.ConnectionUse) (a authcore.Account, err error) {
	err = s.change(ctx, "use connection", func(ctx context.Context, q *tx) error {
		if err := spendSocialToken(ctx, q, u.SocialToken, u.Now); err != nil {
			return err
		}
		c, err := sqldb.One(ctx, q, scanConnection, selectConnection, u.ID)
		if err != nil {
			return err
		}
		if a, err = sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, c.AccountID); err != nil {
			return err
		}
		if a.Disabled() {
			return authcore.ErrNotFound
		}
		if err := oneRow(ctx, q, useConnection, u.ID, u.Email, u.Name, jsonText(u.Roles), micros(u.Now)); err != nil {
			return err
		}
		if err := keepGrant(ctx, q, c, u.Grant); err != nil {
			return err
		}
		if a, err = fill(ctx, q, a, u); err != nil {
			return err
		}
		a, err = s.applyRoles(ctx, q, a, u.Now)
		return err
	})
	if err != nil {
		return authcore.Account{}, err
	}
	return a, nil
}

// fill writes what the provider says of the person into what is empty.
func fill(ctx context.Context, q *tx, a authcore.Account, u authcore.ConnectionUse) (authcore.Account, error) {
	changed := false
	for empty, said := range map[*string]string{&a.FirstName: u.FirstName, &a.LastName: u.LastName, &a.Locale: u.Locale} {
		if *empty == "" && said != "" {
			*empty, changed = said, true
		}
	}
	for name, said := range u.Fields {
		if _, there := a.Fields[name]; !there {
			a.Fields, changed = maps.Clone(a.Fields), true
			if a.Fields == nil {
				a.Fields = map[string]any{}
			}
			a.Fields[name] = said
		}
	}
	if !changed {
		return a, nil
	}
	return sqldb.One(ctx, q, scanAccount, fillAccount, a.ID, a.FirstName, a.LastName, a.Locale, objectText(a.Fields), micros(u.Now))
}

const (
	selectOwnRoles = "select " + givenRoles + " from users where id = $1"
	setOwnRoles    = "update users set own_roles = $2 where id = $1"
)

func scanRoles(r sqldb.Row) (roles []string, err error) {
	return roles, r.Scan(&jsonList[string]{&roles})
}

// applyRoles makes the roles of an account, whose row the caller holds, those that administrators gave and those of its connections.
func (s *Store) applyRoles(ctx context.Context, q *tx, a authcore.Account, now time.Time) (authcore.Account, error) {
	own, err := sqldb.One(ctx, q, scanRoles, selectOwnRoles, a.ID)
	if err != nil {
		return a, err
	}
	return s.withRoles(ctx, q, a, own, now)
}

// withRoles is applyRoles where administrators have given own.
func (s *Store) withRoles(ctx context.Context, q *tx, a authcore.Account, own []string, now time.Time) (authcore.Account, error) {
	connected, err := sqldb.All(ctx, q, scanConnection, selectConnections, a.ID)
	if err != nil {
		return a, err
	}
	roles, kept := slices.Clone(own), any(nil)
	for _, c := range connected {
		for _, role := range c.Roles {
			if !slices.Contains(roles, role) && len(roles) < authcore.MaxRoles {
				roles, kept = append(roles, role), jsonText(own)
			}
		}
	}
	if _, err := sqldb.Exec(ctx, q, setOwnRoles, a.ID, kept); err != nil || slices.Equal(roles, a.Roles) {
		return a, err
	}
	could := s.inviters.May(s.admins.Roles(a))
	if a, err = sqldb.One(ctx, q, scanAccount, setRoles, a.ID, jsonText(roles), micros(now)); err != nil {
		return a, err
	}
	if could && !s.inviters.May(s.admins.Roles(a)) {
		if err := revokeInvitations(ctx, q, a.ID, now); err != nil {
			return a, err
		}
	}
	return a, outdate(ctx, q, a, now)
}

var insertConnection = "insert into connections (" + connectionColumns + ") values (" + parameters(connectionColumns) + ") on conflict (issuer, subject) do nothing"

const forgetFormer = "delete from former_connections where issuer = $1 and subject = $2"

// addConnection connects; authcore.ErrConnected where the person is connected already. Who asks to be connected is no former one any more.
func addConnection(ctx context.Context, q *tx, c authcore.Connection) error {
	n, err := sqldb.Exec(ctx, q, insertConnection, c.ID, c.AccountID, c.Provider, c.Issuer, c.Subject, c.Email, c.Name, jsonText(c.Roles),
		c.MadeSignedIn, micros(c.ConnectedAt), micros(c.LastUsedAt))
	if err == nil && n == 0 {
		err = authcore.ErrConnected
	}
	if err != nil {
		return err
	}
	if _, err = sqldb.Exec(ctx, q, forgetFormer, c.Issuer, c.Subject); err != nil {
		return err
	}
	return keepGrant(ctx, q, c, c.Grant)
}

// Connect implements federated.Store.
func (s *Store) Connect(ctx context.Context, c authcore.Connecting) (a authcore.Account, err error) {
	err = s.change(ctx, "connect", func(ctx context.Context, q *tx) error {
		if err := spendSocialToken(ctx, q, c.SocialToken, c.Now); err != nil {
			return err
		}
		if a, err = sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, c.Connection.AccountID); err != nil {
			return err
		}
		if a.Disabled() {
			return authcore.ErrNotFound
		}
		there, err := sqldb.All(ctx, q, scanConnection, selectConnections, a.ID)
		switch {
		case err != nil:
			return err
		case c.May != nil && c.May(a, there) != nil:
			return c.May(a, there)
		case len(there) >= authcore.MaxConnections:
			return authcore.ErrTooManyConnections
		}
		if err := addConnection(ctx, q, c.Connection); err != nil {
			return err
		}
		fx, err := c.Effects(a)
		if err != nil {
			return err
		}
		if a, err = s.applyRoles(ctx, q, a, c.Now); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
	if err != nil {
		return authcore.Account{}, err
	}
	return a, nil
}

const (
	deleteConnection = "delete from connections where id = $1 and account_id = $2"
	keepFormer       = `insert into former_connections (issuer, subject, account_id, at) values ($1, $2, $3, $4)
		on conflict (issuer, subject) do update set account_id = excluded.account_id, at = excluded.at`
)

// Disconnect implements federated.Store.
func (s *Store) Disconnect(ctx context.Context, d authcore.Disconnecting) error {
	return s.change(ctx, "disconnect", func(ctx context.Context, q *tx) error {
		a, err := sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForUpdate, d.AccountID)
		if err != nil {
			return err
		}
		all, err := sqldb.All(ctx, q, scanConnection, selectConnections, a.ID)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(c authcore.Connection) bool { return c.ID == d.ID })
		if at < 0 || a.Disabled() {
			return authcore.ErrNotFound
		}
		was := all[at]
		factors, err := sqldb.All(ctx, q, scanFactor, selectFactors, a.ID, micros(d.Now))
		if err != nil {
			return err
		}
		if err := d.May(a, factors, slices.Delete(slices.Clone(all), at, at+1)); err != nil {
			return err
		}
		fx, err := d.Effects(a, was)
		if err != nil {
			return err
		}
		if err := sever(ctx, q, was, d.Now); err != nil {
			return err
		}
		if _, err = s.applyRoles(ctx, q, a, d.Now); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}

// sever takes a connection away, remembers that it was, and leaves the consent to be taken back.
func sever(ctx context.Context, q *tx, c authcore.Connection, now time.Time) error {
	if err := oneRow(ctx, q, deleteConnection, c.ID, c.AccountID); err != nil {
		return err
	}
	if _, err := sqldb.Exec(ctx, q, endGrant, c.ID, micros(now)); err != nil {
		return err
	}
	_, err := sqldb.Exec(ctx, q, keepFormer, c.Issuer, c.Subject, c.AccountID, micros(now))
	return err
}

// restoreConnections takes away the connections that were made at the event of a link or after it, and gives back those that were taken
// away since. One that is another account's by now stays theirs.
func (s *Store) restoreConnections(ctx context.Context, q *tx, l authcore.SecurityLink, undo *notice.FormerConnections, now time.Time) error {
	if undo == nil {
		return nil
	}
	all, err := sqldb.All(ctx, q, scanConnection, selectConnections, l.AccountID)
	if err != nil {
		return err
	}
	for _, c := range all {
		if undo.Added && !c.ConnectedAt.Before(l.At) {
			if err := sever(ctx, q, c, now); err != nil {
				return err
			}
		}
	}
	for _, c := range undo.Removed {
		if !c.ConnectedAt.Before(l.At) {
			continue // made after the event, by whoever that was
		}
		c.AccountID, c.Roles = l.AccountID, nil
		if err := addConnection(ctx, q, c); err != nil && !errors.Is(err, authcore.ErrConnected) {
			return err
		}
	}
	return nil
}
