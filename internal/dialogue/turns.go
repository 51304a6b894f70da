package dialogue

import (
	"time"

	"khaibao/models"
)

// TurnBudgets bound what one number sends to us. Replies by SMS cost money; a USSD session costs only our time.
type TurnBudgets struct {
	SMSHour, SMSDay, USSDHour int
}

// DefaultTurnBudgets let a person fill a form for a whole household.
func DefaultTurnBudgets() TurnBudgets { return TurnBudgets{SMSHour: 60, SMSDay: 200, USSDHour: 400} }

// window counts the turns of a number in an hour or a day, which begin at round times. It lies with the dialogue, so that
// what is not answered, or was answered before, takes none.
type window struct {
	End   time.Time `json:"end"`
	Turns int       `json:"turns"`
}

// budget is how many turns a window allows.
type budget struct {
	length time.Duration
	turns  int
}

func (t *turn) budgets() []budget {
	if t.bySMS() {
		return []budget{{time.Hour, t.Turns.SMSHour}, {24 * time.Hour, t.Turns.SMSDay}}
	}
	return []budget{{time.Hour, t.Turns.USSDHour}}
}

// spend takes one turn of every budget, or tells how long the number has to wait until there is one again.
func (st *state) spend(budgets []budget, now time.Time) (rest time.Duration) {
	st.Spent = append(st.Spent, make([]window, max(0, len(budgets)-len(st.Spent)))...)
	for i, b := range budgets {
		if w := &st.Spent[i]; !now.Before(w.End) {
			*w = window{End: now.Truncate(b.length).Add(b.length)}
		} else if w.Turns >= b.turns {
			rest = max(rest, w.End.Sub(now))
		}
	}
	if rest > 0 {
		return rest
	}
	for i := range budgets {
		st.Spent[i].Turns++
	}
	return 0
}

// bounded answers as long as the number has turns.
func (t *turn) bounded() (models.Reply, error) {
	now := t.Real()
	rest := t.st.spend(t.budgets(), now)
	if rest == 0 {
		return t.answer()
	}
	if t.bySMS() && stops(t.in.Text) {
		if stopped, err := t.stopped(); err != nil {
			return models.Reply{}, err
		} else if !stopped {
			return t.answer()
		}
	}
	if t.bySMS() && now.Before(t.st.Told) {
		return models.Reply{OverBudget: true}, nil
	}
	t.st.Told = now.Add(rest)
	text := t.Text(t.st.Lang, "channel.over_budget", map[string]any{"minutes": int(rest.Minutes()) + 1})
	return models.Reply{Text: text, End: true, OverBudget: true}, nil
}
