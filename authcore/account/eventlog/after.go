package eventlog

import (
	"context"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
)

// Mark returns the mark of the present. [authcore.Unavailable].
func (f *Flow) Mark(ctx context.Context) (string, error) {
	p, err := f.present(ctx)
	if err != nil {
		return "", err
	}
	return p.mark(), nil
}

// After returns some of the events that fit and that whoever has a mark was not told of, the first first, and the mark with which to ask
// again; more says that there is more to be had at once. Without a mark it returns no event and the mark of the present. It is for those who ask
// now and then; [Live] is for many who wait. Refusals: [authcore.InvalidRequest] for a mark that is none; [authcore.Unavailable].
func (f *Flow) After(ctx context.Context, filter Filter, mark string, now authcore.Clock) (entries []Entry, next string, more bool, err error) {
	p, err := f.passedBy(ctx, mark)
	if err != nil {
		return nil, "", false, err
	}
	if p == nil {
		next, err = f.Mark(ctx)
		return nil, next, false, err
	}
	var fresh []uuid.UUID
	err = f.eachAfter(ctx, p.after(), func(page []cursor.Position) error {
		for _, e := range page {
			if p.pass(e, now.Now()) {
				fresh = append(fresh, e.ID)
			}
		}
		if more = len(fresh) >= livePage; more {
			return errEnough
		}
		return nil
	})
	if err != nil {
		return nil, "", false, err
	}
	if !more {
		p.metAll()
	}
	all, err := f.byID(ctx, fresh)
	for _, e := range all {
		if filter.Fits(e.Event) {
			entries = append(entries, e)
		}
	}
	return entries, p.mark(), more, err
}
