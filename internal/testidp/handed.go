package testidp

import "sync"

// handed keeps what a provider hands out that belongs to nobody but its client: codes and tokens. It is safe for concurrent use.
type handed struct {
	mu  sync.Mutex
	all []string
}

func (h *handed) out(secret string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, secret)
	return secret
}

// Handed returns all codes and tokens that were handed out.
func (h *handed) Handed() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.all...)
}
