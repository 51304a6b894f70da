package auth

import (
	"context"
	"net/netip"
	"strconv"
	"time"

	"khaibao/internal/seal"
	"khaibao/models"
)

// BudgetStore counts.
type BudgetStore interface {
	// Take counts one use and gives the number so far.
	Take(ctx context.Context, id string, expires time.Time) (int64, error)
}

// budget allows a number of uses within each window of time; windows begin at round times.
type budget struct {
	name   string
	window time.Duration
	limit  int
}

// limiter keeps budgets. A store sees whom they are about as keyed hashes only.
type limiter struct {
	store BudgetStore
	keys  *seal.Keys
	now   func() time.Time
}

// spend takes one use of a budget: TooMany, with the time until the next window, when it is used up.
func (l limiter) spend(ctx context.Context, b budget, who string) error {
	n, rest, err := l.count(ctx, b, who)
	if err != nil {
		return err
	}
	if n > int64(b.limit) {
		return &models.Error{Kind: models.TooMany, Code: "too_many", RetryAfter: rest}
	}
	return nil
}

// count takes one use of a budget, whether or not there is one left, and gives the uses so far and how long the window lasts.
func (l limiter) count(ctx context.Context, b budget, who string) (n int64, rest time.Duration, err error) {
	now := l.now()
	end := now.Truncate(b.window).Add(b.window)
	id := b.name + "|" + l.keys.Hash("budget", who) + "|" + strconv.FormatInt(end.Unix(), 10)
	n, err = l.store.Take(ctx, id, end)
	return n, end.Sub(now), err
}

// ipv6Site is what one customer of a provider has: counting single addresses of it would count nothing.
const ipv6Site = 64

// networkOf is what a budget counts as one address.
func networkOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(ipv6Site)
	if err != nil {
		return address
	}
	return prefix.String()
}
