package broadcast

import (
	"context"
	"time"

	"khaibao/models"
)

// known is a broadcast that was read a moment ago: its messages ask for it one by one.
type known struct {
	models.Broadcast
	read time.Time // real time
}

const (
	readLasts = time.Second
	readLimit = 100 // broadcasts
)

// Wanted tells whether a broadcast's message is still to be sent: not after it was cancelled.
func (s *Service) Wanted(ctx context.Context, id string) (bool, error) {
	b, err := s.read(ctx, id)
	if models.NotFound.Is(err) {
		return false, nil
	}
	return b.Status != models.BroadcastCancelled, err
}

// Text gives what a broadcast says.
func (s *Service) Text(ctx context.Context, id string) (models.Words, error) {
	b, err := s.read(ctx, id)
	return b.Text, err
}

// read gives a broadcast as it was a second ago at most.
func (s *Service) read(ctx context.Context, id string) (models.Broadcast, error) {
	s.mu.Lock()
	lately, ok := s.known[id]
	s.mu.Unlock()
	if ok && time.Since(lately.read) < readLasts {
		return lately.Broadcast, nil
	}
	b, err := s.Store.Broadcast(ctx, id)
	if err != nil {
		return b, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= readLimit {
		clear(s.known)
	}
	s.known[id] = known{b, time.Now()}
	return b, nil
}

func (s *Service) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, id)
}
