package httpapi

import (
	"reflect"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
)

// idParam is the id in a path; text says whose.
func idParam(text string) param {
	return param{in: "path", name: "id", text: text, kind: reflect.TypeFor[string](), format: "uuid"}
}

// pathID returns the id in the path; for what is no id as we write them the zero one, which is nobody's.
func (x *call) pathID() uuid.UUID {
	text := x.r.PathValue("id")
	if id, err := uuid.Parse(text); err == nil && id.String() == text {
		return id
	}
	return uuid.Nil
}

// pageParams are the parameters of every list that has pages.
func pageParams() []param {
	return []param{
		{in: "query", name: "limit", text: "How many at most; 50 if omitted.", kind: reflect.TypeFor[int](), most: cursor.MaxLimit},
		{in: "query", name: "cursor", text: "`next` of the answer before.", kind: reflect.TypeFor[string]()},
	}
}

// page reads those parameters. Whether the cursor is one says the list that it is for.
func (x *call) page() (limit int, from string, err error) {
	query := x.r.URL.Query()
	limit = cursor.DefaultLimit
	if query.Has("limit") {
		limit, _ = strconv.Atoi(query.Get("limit")) // what is no number is 0, and no page has none
		err = cursor.CheckLimit(limit)
	}
	return limit, query.Get("cursor"), err
}

// queryTime reads a time of the query; the zero time where there is none.
func (x *call) queryTime(name string) (time.Time, error) {
	text := x.r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, authcore.Refuse(authcore.InvalidRequest, name+" is a time such as 2026-01-31T08:00:00Z.")
	}
	if epoch := time.Unix(0, 0); t.Before(epoch) { // nothing has happened before, and the zero time stands for none
		t = epoch
	}
	return t, nil
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// idOrNull is an id as answers have it where there may be none.
func idOrNull(id uuid.UUID) *string {
	if id == uuid.Nil {
		return nil
	}
	return new(id.String())
}
