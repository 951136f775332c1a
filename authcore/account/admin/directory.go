package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// DirectoryStore is what a Directory reads.
type DirectoryStore interface {
	// ManagedAccount returns an account with what administrators see of it besides. ErrNotFound.
	ManagedAccount(ctx context.Context, id uuid.UUID) (authcore.ManagedAccount, error)
	// NumberedAccount is ManagedAccount by the number of the account.
	NumberedAccount(ctx context.Context, number int64) (authcore.ManagedAccount, error)
	// ManagedAccounts returns a page of a list. It tests at most Tested rows and then ends early.
	ManagedAccounts(ctx context.Context, q UserQuery) (UserPage, error)
	// CountAccounts returns how many accounts match, of the first Tested that lead the list.
	CountAccounts(ctx context.Context, q UserQuery) (int, error)
}

// Tested is how many rows of what leads a list are tested for a page.
const Tested = 10_000

// Sort is the order of a list of accounts.
type Sort string

// The orders.
const (
	NewestFirst Sort = "-created_at"
	OldestFirst Sort = "created_at"
	ByAddress   Sort = "email"
)

// UserFilter says which accounts a list has: those that all of it fits. Zero fields ask for nothing.
type UserFilter struct {
	Search        string // a prefix of address, username, number or a name; or a whole id or number
	Email         string // normalised, as the next two
	Username      string
	Phone         string
	Number        int64
	Role          string
	Kind          authcore.AccountKind
	Disabled      *bool
	Verified      *bool // an address or number is
	MFA           *bool
	Locked        *bool     // wrong passwords lock it
	CreatedAfter  time.Time // this instant too
	CreatedBefore time.Time // this instant not
	SeenBefore    time.Time // last signed in before, or never
	InvitedBy     uuid.UUID
}

// UserQuery asks a store for a page.
type UserQuery struct {
	UserFilter
	Sort  Sort
	After cursor.Position // of the row before the page; by address only its ID counts
	Limit int
	Now   time.Time
	// LockKey is under what the lock of an account is stored; for Locked.
	LockKey func(uuid.UUID) string
}

// UserPage is a page as a store answers it.
type UserPage struct {
	Accounts []authcore.ManagedAccount
	// Next is where the following page begins; zero at the end.
	Next cursor.Position
}

// Listing asks for a page of accounts.
type Listing struct {
	UserFilter
	Sort   Sort // "" is NewestFirst
	Limit  int  // 1 to [cursor.MaxLimit]
	Cursor string
	Count  bool // also how many there are
}

// Listed is a page of accounts.
type Listed struct {
	Accounts []authcore.ManagedAccount
	Next     string // "" at the end
	Total    int    // of the first Tested accounts; where Count was asked
}

// Locks know which accounts wrong passwords have locked, and forget it.
type Locks interface {
	// LockedUntil returns until when a name is locked; the zero time where it is not.
	LockedUntil(ctx context.Context, name string) (time.Time, error)
	// Key returns under what the lock of a name is stored.
	Key(name string) string
	// Reset forgets failures and lock of a name.
	Reset(ctx context.Context, name string) error
}

// DirectoryConfig is what a Directory needs; all of it is required.
type DirectoryConfig struct {
	Store   DirectoryStore
	Locks   Locks
	Cursors *cursor.Signer
	Now     authcore.Clock
}

// Directory finds accounts for whoever administers them. It is safe for concurrent use.
type Directory struct{ cfg DirectoryConfig }

// NewDirectory checks cfg.
func NewDirectory(cfg DirectoryConfig) (*Directory, error) {
	if cfg.Store == nil || cfg.Locks == nil || cfg.Cursors == nil || cfg.Now == nil {
		return nil, errors.New("admin: store, locks, cursors and clock are required")
	}
	return &Directory{cfg}, nil
}

// numberPrefix stands before the number of an account where an id may stand.
const numberPrefix = "number:"

// Get returns the account with an id, or number:<its number>. Refusals: [authcore.NotFound]; [authcore.Unavailable].
func (d *Directory) Get(ctx context.Context, which string) (a authcore.ManagedAccount, err error) {
	if text, ok := strings.CutPrefix(which, numberPrefix); ok {
		n, bad := strconv.ParseInt(text, 10, 64)
		if bad != nil || n < 1 || strconv.FormatInt(n, 10) != text {
			return a, errNoAccount()
		}
		a, err = d.cfg.Store.NumberedAccount(ctx, n)
	} else {
		id, bad := uuid.Parse(which)
		if bad != nil || id.String() != which {
			return a, errNoAccount()
		}
		a, err = d.cfg.Store.ManagedAccount(ctx, id)
	}
	if errors.Is(err, authcore.ErrNotFound) {
		return a, errNoAccount()
	}
	if err == nil {
		err = d.lock(ctx, &a)
	}
	if err != nil {
		return a, fmt.Errorf("read account: %w", err)
	}
	authcore.AdminCallOf(ctx).About(a.ID)
	return a, nil
}

func errNoAccount() error { return authcore.Refuse(authcore.NotFound, "There is no such account.") }

func (d *Directory) lock(ctx context.Context, a *authcore.ManagedAccount) (err error) {
	a.LockedUntil, err = d.cfg.Locks.LockedUntil(ctx, identifier.AccountKey(a.ID))
	return err
}

// List returns a page of accounts to somebody who administers, to whom alone its cursor is of use. Refusals: [authcore.InvalidRequest] for an
// order, limit or cursor that is none, and for the cursor of another filter; [authcore.Unavailable].
func (d *Directory) List(ctx context.Context, caller uuid.UUID, l Listing) (Listed, error) {
	l.Sort = cmp.Or(l.Sort, NewestFirst)
	if !slices.Contains([]Sort{NewestFirst, OldestFirst, ByAddress}, l.Sort) {
		return Listed{}, authcore.Refuse(authcore.InvalidRequest, "sort is -created_at, created_at or email.")
	}
	if err := cursor.CheckLimit(l.Limit); err != nil {
		return Listed{}, err
	}
	which := cursor.Filtered(cursor.Accounts, l.Sort, l.UserFilter)
	after, err := d.cfg.Cursors.Read(which, caller, l.Cursor)
	if err != nil {
		return Listed{}, err
	}
	q := UserQuery{UserFilter: l.UserFilter, Sort: l.Sort, After: after, Limit: l.Limit, Now: d.cfg.Now.Now(),
		LockKey: func(id uuid.UUID) string { return d.cfg.Locks.Key(identifier.AccountKey(id)) }}
	page, err := d.cfg.Store.ManagedAccounts(ctx, q)
	if err != nil {
		return Listed{}, fmt.Errorf("list accounts: %w", err)
	}
	listed := Listed{Accounts: page.Accounts}
	for i := range listed.Accounts {
		if err := d.lock(ctx, &listed.Accounts[i]); err != nil {
			return Listed{}, fmt.Errorf("list accounts: %w", err)
		}
	}
	if !page.Next.IsZero() {
		listed.Next = d.cfg.Cursors.Sign(which, caller, page.Next)
	}
	if l.Count {
		if listed.Total, err = d.cfg.Store.CountAccounts(ctx, q); err != nil {
			return Listed{}, fmt.Errorf("count accounts: %w", err)
		}
	}
	return listed, nil
}
