package apicheck

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// tally keeps which answers were seen. The zero value is empty.
type tally struct {
	mu   sync.Mutex // guards seen
	seen map[string]map[int]bool
}

func (t *tally) add(operation string, status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seen = map[string]map[int]bool{}
	}
	if t.seen[operation] == nil {
		t.seen[operation] = map[int]bool{}
	}
	t.seen[operation][status] = true
}

func (t *tally) has(operation string, status int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen[operation][status]
}

// Unseen lists the statuses below 400 that the document promises and no exchange had, as "POST /login 200".
func (d *Document) Unseen() []string {
	var missing []string
	for _, op := range d.operations {
		name := op.method + " " + strings.Join(op.path, "/")
		for status := range op.statuses {
			if status < 400 && !d.seen.has(name, status) {
				missing = append(missing, fmt.Sprintf("%s %d", name, status))
			}
		}
	}
	slices.Sort(missing)
	return missing
}
