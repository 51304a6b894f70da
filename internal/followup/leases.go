package followup

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const leaseLength = 15 * time.Second

// leases are the rights to shards that this process has. One that was taken is kept until it ends: the same shard is due
// again soon, or nobody needs it meanwhile.
type leases struct {
	mu    sync.Mutex
	until map[int]time.Time // by shard
}

// hold takes the lease of a shard, or renews it in good time; false when another process has it.
func (l *leases) hold(ctx context.Context, s *Service, shard int) (bool, error) {
	l.mu.Lock()
	until := l.until[shard]
	l.mu.Unlock()
	if time.Until(until) > leaseLength/2 {
		return true, nil
	}
	asked := time.Now()
	held, err := s.Store.Lease(ctx, workOn(shard), s.Owner, leaseLength)
	if err != nil || !held {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until[shard] = asked.Add(leaseLength)
	return true, nil
}

// giveBack gives back what is still held, so that other processes need not wait for its end.
func (l *leases) giveBack(ctx context.Context, s *Service) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	for shard, until := range l.until {
		if time.Now().After(until) {
			continue
		}
		if err := s.Store.Release(ctx, workOn(shard), s.Owner); err != nil {
			s.Log.Warn("lease not given back", "work", workOn(shard), "error", err)
		}
	}
	clear(l.until)
}

func workOn(shard int) string { return fmt.Sprintf("followup/%d", shard) }
