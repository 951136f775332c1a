package sqlstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

func equal(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, isBytes := a[i].([]byte)
		if y, both := b[i].([]byte); isBytes || both {
			if isBytes != both || !bytes.Equal(x, y) {
				return false
			}
			continue
		}
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// encode writes rows as Postgres reads them back from JSON.
func (t table) encode(rows [][]any) (string, error) {
	list := make([]map[string]any, len(rows))
	for i, row := range rows {
		list[i] = make(map[string]any, len(row))
		for j, c := range t.columns {
			v := row[j]
			if b, ok := v.([]byte); ok {
				v = `\x` + hex.EncodeToString(b)
			}
			list[i][c.name] = v
		}
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(list)
	return text.String(), err
}

// find returns the row with the key of the given one; nil when there is none.
func (t table) find(ctx context.Context, s *Store, row []any) (found []any, err error) {
	err = s.Read(ctx, "find "+t.name, func(ctx context.Context, q sqldb.Querier) error {
		found, err = sqldb.One(ctx, q, t.scan, t.selectOne(), arguments(t.key(row))...)
		if errors.Is(err, authcore.ErrNotFound) {
			found = nil
			return nil
		}
		return err
	})
	return found, err
}

// page returns the rows after a key, in its order; from the first with a nil one.
func (t table) page(ctx context.Context, s *Store, after []any) (rows [][]any, err error) {
	err = s.Read(ctx, "read "+t.name, func(ctx context.Context, q sqldb.Querier) error {
		rows, err = sqldb.All(ctx, q, t.scan, t.selectPage(after != nil), arguments(after)...)
		return err
	})
	return rows, err
}

// arguments are values as both engines take them.
func arguments(values []any) []any {
	out := make([]any, len(values))
	for i, v := range values {
		if id, ok := v.(uuid.UUID); ok {
			v = id.String()
		}
		out[i] = v
	}
	return out
}
