package ratelimit

import "github.com/gatehouse-auth/gatehouse/authcore"

// remembered tells how far ahead of now each key's time is, and the moment that was asked.
func (m *Memory) remembered(ts []taking) (now int64, ahead []int64) {
	lock(ts)
	defer unlock(ts)
	now, ahead = m.elapsed(), make([]int64, len(ts))
	for i, t := range ts {
		ahead[i] = min(max(0, t.p.keys[t.hash]-now), int64(t.rate.Window))
	}
	return now, ahead
}

// remember notes how far ahead of a moment each key's time is at least. What has no place is not remembered.
func (m *Memory) remember(ts []taking, at int64, ahead []int64) {
	lock(ts)
	defer unlock(ts)
	now := m.elapsed()
	for i := range ts {
		t := &ts[i]
		tat := at + ahead[i]
		if tat <= now {
			continue
		}
		if t.find(now); t.cell == nil {
			t.store(max(tat, min(t.tat, now+int64(t.rate.Window))))
		}
	}
}

// takeShare is Take at one of n equal parts of each limit, at least one event each.
func (m *Memory) takeShare(ts []taking, n int) authcore.Taken {
	for i := range ts {
		ts[i].rate = ts[i].rate.share(n)
	}
	return m.takeNow(ts)
}

// refund gives back one event on every limit.
func (m *Memory) refund(ts []taking) {
	lock(ts)
	defer unlock(ts)
	now := m.elapsed()
	for _, t := range ts {
		// A key that made way has a full budget again, and what it may have taken from a shared bucket stays taken.
		if tat, found := t.p.keys[t.hash]; found && tat > now {
			t.p.keys[t.hash] = max(now, tat-int64(t.rate.interval()))
		}
	}
}

// share is one of n equal parts, at least one event.
func (r Rate) share(n int) Rate {
	if !r.Off() {
		r.Count = max(1, r.Count/n)
	}
	return r
}
