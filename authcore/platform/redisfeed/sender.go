package redisfeed

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"
)

// Sender is who a node is to the others, whichever feeds it has in its life: another Redis, or other settings for the
// same one, do not make it another node, whom the others would wait for in vain (see mourned). Its messages are
// numbered through, and one feed of it speaks at a time. It is safe for concurrent use.
type Sender struct {
	id     uuid.UUID
	number uint64 // of the message sent last; of the publisher that speaks

	mu       sync.Mutex // held while what follows changes
	changed  *sync.Cond
	speakers []*speaker // who wants to speak, the newest last
	speaking bool
}

// speaker is one call of Run.
type speaker struct {
	yield context.CancelFunc // while it speaks
}

// NewSender returns a sender under an id that no other process ever has.
func NewSender(id uuid.UUID) *Sender {
	s := &Sender{id: id}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// inTurn calls speak whenever it is this caller's turn, until ctx ends: of several callers the newest speaks, and when
// it goes the one before goes on. The context of speak ends when the turn does; nobody else begins before it returns.
func (s *Sender) inTurn(ctx context.Context, speak func(context.Context)) {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})
	defer stop()
	me := new(speaker)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.speakers {
		if other.yield != nil {
			other.yield()
		}
	}
	s.speakers = append(s.speakers, me)
	for ctx.Err() == nil {
		if s.speaking || s.speakers[len(s.speakers)-1] != me {
			s.changed.Wait()
			continue
		}
		s.speak(ctx, me, speak)
	}
	s.speakers = slices.DeleteFunc(s.speakers, func(o *speaker) bool { return o == me })
	s.changed.Broadcast()
}

// speak must be called with s.mu held, which it gives up for as long as speak takes.
func (s *Sender) speak(ctx context.Context, me *speaker, speak func(context.Context)) {
	turn, yield := context.WithCancel(ctx)
	defer yield()
	me.yield, s.speaking = yield, true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		me.yield, s.speaking = nil, false
		s.changed.Broadcast()
	}()
	speak(turn)
}
