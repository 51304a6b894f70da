package auth

import (
	"context"
	"time"
)

// DefaultLookups lets a busy border gate work, and nobody go through the numbers of a network.
const DefaultLookups = 500

// MayLookUp takes one look at the household of a phone number from an official's budget of the day: TooMany, with the time
// until the next day of the budget (which begins at 7:00 in Vietnam), when it is used up.
func (o *Officials) MayLookUp(ctx context.Context, login string) error {
	return o.limits.spend(ctx, budget{"lookups", 24 * time.Hour, o.lookups}, normalLogin(login))
}
