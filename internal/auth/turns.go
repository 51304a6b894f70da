package auth

import (
	"context"
	"time"

	"khaibao/internal/seal"
	"khaibao/models"
)

// TurnBudgets bound what one number sends to us. Replies by SMS cost money; a USSD session costs only our time.
type TurnBudgets struct {
	SMSHour, SMSDay, USSDHour int
}

// DefaultTurnBudgets let a person fill a form for a whole household.
func DefaultTurnBudgets() TurnBudgets { return TurnBudgets{SMSHour: 60, SMSDay: 200, USSDHour: 400} }

// Turns counts what numbers send by SMS and USSD. It is safe for concurrent use.
type Turns struct {
	limiter limiter
	budgets map[models.Channel][]budget
}

// NewTurns gives a ready counter. Without any budget the defaults hold; now is real time, time.Now when nil.
func NewTurns(store BudgetStore, keys *seal.Keys, b TurnBudgets, now func() time.Time) *Turns {
	if b == (TurnBudgets{}) {
		b = DefaultTurnBudgets()
	}
	if now == nil {
		now = time.Now
	}
	return &Turns{limiter{store, keys, now}, map[models.Channel][]budget{
		models.ChannelSMS:  {{"sms-hour", time.Hour, b.SMSHour}, {"sms-day", 24 * time.Hour, b.SMSDay}},
		models.ChannelUSSD: {{"ussd-hour", time.Hour, b.USSDHour}},
	}}
}

// Spend takes one turn of a number. beyond is 0 while its budgets last, 1 for the first turn after that and so on, so that
// the number can be told once; rest is how long it then has to wait.
func (t *Turns) Spend(ctx context.Context, channel models.Channel, phone string) (beyond int64, rest time.Duration, err error) {
	for _, b := range t.budgets[channel] {
		n, rest, err := t.limiter.count(ctx, b, phone)
		if err != nil {
			return 0, 0, err
		}
		if beyond := n - int64(b.limit); beyond > 0 {
			return beyond, rest, nil
		}
	}
	return 0, 0, nil
}
