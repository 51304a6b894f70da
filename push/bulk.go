package push

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"khaibao/models"
)

// SendAll carries messages of as many households that are not in the outbox yet as far as they get, many at once, and
// keeps each there with where it stands, in one write after its send; it is in the slice, too. What has to be tried again
// is left to the outbox. While Firebase does not work nothing is tried, and nothing kept. It returns when all of them are
// kept or, soon after ctx ends, with an error: then some are not, and what was in flight has been written down. Whoever
// calls it has seen to it that nobody else sends the same. At most 1,000 messages.
func (w *Worker) SendAll(ctx context.Context, messages []models.Message) error {
	if len(messages) == 0 {
		return nil
	}
	b, err := w.readBatch(ctx, messages)
	if err != nil {
		return err
	}
	hands, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace+w.lease.margin(), stop) })()
	courier := w.courier(b)
	left := make([]*models.Message, len(messages))
	for i := range messages {
		left[i] = &messages[i]
	}
	for len(left) > 0 {
		if left, err = w.sendSome(ctx, hands, courier, b, left); err != nil {
			return err
		}
	}
	return nil
}

// sendSome tries messages and gives those that could not be tried: their household had another one under way, or the
// channel was left alone.
func (w *Worker) sendSome(ctx, hands context.Context, courier *Worker, b *batch, messages []*models.Message) (left []*models.Message, err error) {
	var trying sync.WaitGroup
	var mu sync.Mutex
	again := func(m *models.Message) {
		mu.Lock()
		left = append(left, m)
		mu.Unlock()
	}
	for _, m := range messages {
		if !w.claims.take(m) {
			again(m)
			continue
		}
		if err := w.takeBulkSlot(ctx); err != nil {
			w.release(claimed(m))
			trying.Wait()
			return nil, err
		}
		trying.Go(func() {
			e := courier.deliver(hands, m, b.sent[m.Account], alwaysTerm)
			w.release(claimed(m))
			<-w.bulk
			switch {
			case errors.Is(e, errLeftAlone):
				again(m)
			case e != nil && !models.Conflict.Is(e): // Conflict: the household has it already
				mu.Lock()
				err = e
				mu.Unlock()
			}
		})
	}
	trying.Wait()
	if err == nil && len(left) > 0 {
		pause(ctx, bulkPause)
	}
	return left, errors.Join(err, ctx.Err())
}

// bulkPause is how long what could not be tried waits.
const bulkPause = 100 * time.Millisecond

// takeBulkSlot waits until Firebase works and few enough sends are under way.
func (w *Worker) takeBulkSlot(ctx context.Context) error {
	for !w.breakers[models.RoutePush].ready() && ctx.Err() == nil {
		pause(ctx, bulkPause)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case w.bulk <- struct{}{}:
		return nil
	}
}

// courier is the worker as it delivers from a batch: it reads what was read together, its first write of a message keeps
// it, and its right to send is the caller's.
func (w *Worker) courier(b *batch) *Worker {
	config := w.Config
	config.Store = b
	return &Worker{Config: config, words: w.words, reach: w.reach, breakers: w.breakers, queues: w.queues, lease: alwaysHeld(w.lease.length)}
}

const alwaysTerm = 1

// alwaysHeld is a lease that somebody else watches.
func alwaysHeld(length time.Duration) *lease {
	return &lease{length: length, until: time.Now().Add(math.MaxInt64 / 2), term: alwaysTerm}
}

// batch is the store as seen by messages that are sent together.
type batch struct {
	Store
	accounts map[string]*models.Account
	holders  map[string]string // by push token
	sent     map[string]int    // today, by account
}

func (w *Worker) readBatch(ctx context.Context, messages []models.Message) (*batch, error) {
	ids := make([]string, len(messages))
	for i := range messages {
		ids[i] = messages[i].Account
	}
	accounts, err := w.Store.AccountsToReach(ctx, ids)
	if err != nil {
		return nil, err
	}
	b := &batch{Store: w.Store, accounts: make(map[string]*models.Account, len(accounts))}
	var tokens []string
	for i := range accounts {
		b.accounts[accounts[i].ID] = &accounts[i]
		for _, d := range accounts[i].Devices {
			tokens = append(tokens, d.Token)
		}
	}
	if b.holders, err = w.Store.TokenHolders(ctx, tokens); err != nil {
		return nil, err
	}
	b.sent, err = w.sentToday(ctx, messages)
	return b, err
}

// Account gives a household without its people.
func (b *batch) Account(_ context.Context, id string) (*models.Account, error) {
	account := b.accounts[id]
	if account == nil {
		return nil, models.ErrNotFound
	}
	return account, nil
}

// TokenHolder gives the account that had a push token when the batch was read.
func (b *batch) TokenHolder(_ context.Context, token string) (string, error) {
	holder, held := b.holders[token]
	if !held {
		return "", models.ErrNotFound
	}
	return holder, nil
}

// SaveMessage keeps a message that is new, and moves one on that was kept already.
func (b *batch) SaveMessage(ctx context.Context, m *models.Message) error {
	if m.Rev == "" {
		return b.Store.AddMessage(ctx, m)
	}
	return b.Store.SaveMessage(ctx, m)
}
