package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// TransferredTable tells what became of one table.
type TransferredTable struct {
	Name   string `json:"name"`
	Rows   int    `json:"rows"`   // in both databases
	Copied int    `json:"copied"` // by this transfer; the others were there
}

// transferPage is how many rows are read, written and compared at once.
const transferPage = 500

// transferring is the row of settings that stands in the target while it holds some of the rows and not all.
const transferring = "transfer"

// Transfer copies every row of a SQLite file into a Postgres database, and compares them all at the end. The source
// has the schema of this program, and nobody else uses it (Lock). The target gets that schema if it is empty; no
// node serves it, and none starts on it before the transfer is complete. Stopped at any point, it goes on where it
// was the next time; done twice, it changes nothing.
//
// A target that holds a row that the source has not, or has otherwise, is refused and left as it is. done is called
// after every page, for whoever wants to tell how far it is; it may be nil.
//
// What there is to copy the schema says, so that no table and no column can be forgotten here.
func Transfer(ctx context.Context, from, to *Store, done func(table string, rows int)) ([]TransferredTable, error) {
	if from.Dialect().Name != sqldb.SQLite || to.Dialect().Name != sqldb.Postgres {
		return nil, errors.New("a transfer goes from sqlite: to postgres://")
	}
	if done == nil {
		done = func(string, int) {}
	}
	if err := from.CheckSchema(ctx); err != nil {
		return nil, fmt.Errorf("the source: %w", err)
	}
	if err := to.DB.Migrate(ctx); err != nil {
		return nil, fmt.Errorf("the target: %w", err)
	}
	if err := to.CheckSchema(ctx); err != nil { // a newer one may fit this program, and want more of a row than it has
		return nil, fmt.Errorf("the target: %w", err)
	}
	t := &transfer{from: from, to: to, done: done}
	var err error
	if t.tables, err = t.schema(ctx); err != nil {
		return nil, err
	}
	return t.run(ctx)
}

type transfer struct {
	from, to *Store
	tables   []table // each after those it refers to
	done     func(table string, rows int)
}

func (t *transfer) run(ctx context.Context) ([]TransferredTable, error) {
	for _, table := range t.tables {
		if err := t.refuseOthers(ctx, table); err != nil {
			return nil, err
		}
	}
	if err := t.mark(ctx, markTransfer); err != nil {
		return nil, err
	}
	var report []TransferredTable
	for _, table := range t.tables {
		copied, err := t.copy(ctx, table)
		if err != nil {
			return nil, err
		}
		report = append(report, TransferredTable{Name: table.name, Copied: copied})
	}
	for i, table := range t.tables {
		var err error
		if report[i].Rows, err = t.verify(ctx, table); err != nil {
			return nil, err
		}
		if err := t.restartIdentity(ctx, table); err != nil {
			return nil, err
		}
	}
	return report, t.mark(ctx, unmarkTransfer)
}

const (
	markTransfer   = "insert into settings (name, value) values ($1, 'not finished') on conflict (name) do nothing"
	unmarkTransfer = "delete from settings where name = $1"
	countMarks     = "select count(*) from settings where name = $1"
)

func (t *transfer) mark(ctx context.Context, text string) error {
	return t.to.Single(ctx, "mark the target", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, text, transferring)
		return err
	})
}

// refuseUnfinished keeps nodes away from a database that a transfer has left half-way.
func (s *Store) refuseUnfinished(ctx context.Context) error {
	var marks int64
	err := s.Read(ctx, "look for a transfer", func(ctx context.Context, q sqldb.Querier) (err error) {
		marks, err = sqldb.One(ctx, q, sqldb.ScanInt, countMarks, transferring)
		return err
	})
	if err == nil && marks > 0 {
		return errors.New("a transfer into this database has not finished: run gatehouse migrate-store again")
	}
	return err
}

// refuseOthers looks for rows of the target that are not as in the source.
func (t *transfer) refuseOthers(ctx context.Context, table table) error {
	var last []any
	for {
		page, err := table.page(ctx, t.to, last)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, row := range page {
			if table.name == "settings" && row[0] == transferring {
				continue
			}
			original, err := table.find(ctx, t.from, row)
			if err != nil {
				return err
			}
			if !equal(original, row) {
				return fmt.Errorf("the target is in use: its table %s has rows that are not in the source, or are otherwise there; "+
					"give it an empty database", table.name)
			}
		}
		last = table.key(page[len(page)-1])
	}
}

// copy writes the rows that are not there, and returns how many.
func (t *transfer) copy(ctx context.Context, table table) (copied int, err error) {
	var last []any
	for rows := 0; ; {
		page, err := table.page(ctx, t.from, last)
		if err != nil || len(page) == 0 {
			return copied, err
		}
		text, err := table.encode(page)
		if err != nil {
			return copied, err
		}
		err = t.to.WriteLong(ctx, "copy "+table.name, func(ctx context.Context, q sqldb.Querier) error {
			n, err := sqldb.Exec(ctx, q, table.insert(), text)
			copied += int(n)
			return err
		})
		if err != nil {
			return copied, err
		}
		rows += len(page)
		t.done(table.name, rows)
		last = table.key(page[len(page)-1])
	}
}

// verify compares every row of the source with the target's, and how many there are.
func (t *transfer) verify(ctx context.Context, table table) (rows int, err error) {
	var last []any
	for {
		page, err := table.page(ctx, t.from, last)
		if err != nil {
			return rows, err
		}
		if len(page) == 0 {
			break
		}
		if err := t.compare(ctx, table, page); err != nil {
			return rows, err
		}
		rows += len(page)
		last = table.key(page[len(page)-1])
	}
	there := int64(0)
	err = t.to.WriteLong(ctx, "count "+table.name, func(ctx context.Context, q sqldb.Querier) (err error) {
		there, err = sqldb.One(ctx, q, sqldb.ScanInt, table.count())
		return err
	})
	if err == nil && there != int64(rows) {
		err = fmt.Errorf("table %s has %d rows in the source and %d in the target", table.name, rows, there)
	}
	return rows, err
}

func (t *transfer) compare(ctx context.Context, table table, page [][]any) error {
	text, err := table.encode(page)
	if err != nil {
		return err
	}
	var there [][]any
	err = t.to.Read(ctx, "compare "+table.name, func(ctx context.Context, q sqldb.Querier) (err error) {
		there, err = sqldb.All(ctx, q, table.scan, table.selectThose(), text)
		return err
	})
	if err != nil {
		return err
	}
	byKey := make(map[string][]any, len(there))
	for _, row := range there {
		byKey[fmt.Sprint(table.key(row))] = row
	}
	for _, row := range page {
		if !equal(row, byKey[fmt.Sprint(table.key(row))]) {
			return fmt.Errorf("a row of table %s is not in the target as it is in the source: was something else written there?", table.name)
		}
	}
	return nil
}

// restartIdentity lets generated numbers go on after those that were copied.
func (t *transfer) restartIdentity(ctx context.Context, table table) error {
	for _, c := range table.columns {
		if !c.identity {
			continue
		}
		// A number that was given to what is gone by now is not given again: SQLite keeps the last one in settings.
		text := fmt.Sprintf(`select setval(pg_get_serial_sequence($1, $2), greatest(coalesce(max(%s), 0), coalesce(max(l.last), 0), 1), coalesce(max(%s), nullif(max(l.last), 0)) is not null)
			from (select cast(max(value) as bigint) as last from settings where name = 'last_%s_%s') l left join %s on true`,
			c.name, c.name, table.name, c.name, table.name)
		err := t.to.WriteLong(ctx, "number "+table.name, func(ctx context.Context, q sqldb.Querier) error {
			_, err := sqldb.One(ctx, q, sqldb.ScanInt, text, table.name, c.name)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
