package sqlstore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// micros is a time as it is stored: microseconds in UTC, null for the zero time.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// orNull is an id as it is stored where it may be missing.
func orNull(id uuid.UUID) any {
	if id == uuid.Nil {
		return nil
	}
	return id
}

// digestOrNull is a digest as it is stored where it may be missing.
func digestOrNull(d secret.Digest) any {
	if d.IsZero() {
		return nil
	}
	return d.Bytes()
}

// textOrNull is a text as it is stored in a column that older programs do not know.
func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// stamp scans what micros stored.
type stamp struct{ into *time.Time }

// Scan implements sql.Scanner.
func (s *stamp) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*s.into = time.Time{}
	case int64:
		*s.into = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", src)
	}
	return nil
}

// digest scans exactly 32 bytes.
type digest struct{ into *secret.Digest }

// Scan implements sql.Scanner.
func (d *digest) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*d.into = secret.Digest{}
	case []byte:
		sum, ok := secret.DigestFrom(v)
		if !ok {
			return fmt.Errorf("a digest of %d bytes", len(v))
		}
		*d.into = sum
	default:
		return fmt.Errorf("a digest is stored as %T", src)
	}
	return nil
}

func scanMaybeID(r sqldb.Row) (id uuid.UUID, err error) { return id, r.Scan(&optional{&id}) }

// optional scans an id that may be null.
type optional struct{ into *uuid.UUID }

// Scan implements sql.Scanner.
func (o *optional) Scan(src any) error {
	if src == nil {
		*o.into = uuid.Nil
		return nil
	}
	return o.into.Scan(src)
}

// numberOrNull is a number as it is stored in a column that older programs do not know.
func numberOrNull(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// maybeNumber scans what numberOrNull stored.
type maybeNumber struct{ into *int64 }

// Scan implements sql.Scanner.
func (m *maybeNumber) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*m.into = 0
	case int64:
		*m.into = v
	default:
		return fmt.Errorf("a number is stored as %T", src)
	}
	return nil
}

// maybeText scans what textOrNull stored.
type maybeText struct{ into *string }

// Scan implements sql.Scanner.
func (m *maybeText) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*m.into = ""
	case string:
		*m.into = v
	default:
		return fmt.Errorf("a text is stored as %T", src)
	}
	return nil
}

// jsonList scans a list that jsonText stored; an empty one is read as nil.
type jsonList[T any] struct{ into *[]T }

// Scan implements sql.Scanner.
func (l *jsonList[T]) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("a list is stored as %T", src)
	}
	*l.into = nil
	if text == "[]" {
		return nil
	}
	return json.Unmarshal([]byte(text), l.into)
}

// jsonText is a list as it is stored.
func jsonText(list []string) string {
	if len(list) == 0 {
		return "[]"
	}
	text, _ := json.Marshal(list) // texts: cannot go wrong
	return string(text)
}

// jsonObject scans an object that objectText stored; an empty one is read as nil.
type jsonObject struct{ into *map[string]any }

// Scan implements sql.Scanner.
func (o *jsonObject) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("an object is stored as %T", src)
	}
	*o.into = nil
	if text == "{}" {
		return nil
	}
	return json.Unmarshal([]byte(text), o.into)
}

// objectText is an object as it is stored. Its values are those of JSON.
func objectText(object map[string]any) string {
	if len(object) == 0 {
		return "{}"
	}
	text, _ := json.Marshal(object) // texts, numbers and booleans: cannot go wrong
	return string(text)
}

// parameters are the placeholders of a statement that gives each of the columns a value.
func parameters(columns string) string { return parametersAfter(0, columns) }

// parametersAfter are those that follow the first n.
func parametersAfter(n int, columns string) string {
	return each(columns, func(string) string {
		n++
		return "$" + strconv.Itoa(n)
	})
}

// each rewrites the columns of a list.
func each(columns string, rewrite func(column string) string) string {
	names := strings.Split(columns, ", ")
	for i, name := range names {
		names[i] = rewrite(name)
	}
	return strings.Join(names, ", ")
}

// of prefixes each column with a table's name.
func of(table, columns string) string {
	return each(columns, func(column string) string { return table + "." + column })
}
