package main

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"khaibao/internal/rules"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// TestEveryExampleThroughTheAPI declares every example of every shipped program, every cell of the published tables among
// them, and wants its level and factors back. Each is about a person of its own, who has just the past that it names.
func TestEveryExampleThroughTheAPI(t *testing.T) {
	t.Parallel()
	for name, open := range storetest.Engines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := examples{world: newWorld(t, open(t))}
			for _, program := range e.app.catalog.Active(time.Now()) {
				for _, example := range program.Examples() {
					e.try(program, example)
				}
			}
		})
	}
}

// examples tries examples on people of one household after the other.
type examples struct {
	*world
	households, people int
	phone, token       string
}

func (e *examples) try(program *rules.Program, example rules.Example) {
	e.Helper()
	person := e.person(example)
	if len(example.Earlier) > 0 {
		e.remember(program, example, person)
	}
	path := map[models.Form]string{models.FormDeclaration: "/v1/declarations", models.FormDaily: "/v1/health-updates"}[example.Form]
	var got struct {
		Decision struct {
			Level   models.Level `json:"level"`
			Factors []string     `json:"factors"`
		} `json:"decision"`
	}
	e.want(http.StatusCreated, "POST", path, e.token, map[string]any{
		"id": uuid7(e.T), "program": program.ID(), "person_id": person, "answers": today(example.Answers, example.Day), "occurred_at": time.Now(),
	}).into(e.T, &got)
	if got.Decision.Level != example.Level || (example.Factors != nil && !slices.Equal(got.Decision.Factors, example.Factors)) {
		e.Errorf("%s, %s: %s %v, want %s %v", program.ID(), example.Name, got.Decision.Level, got.Decision.Factors, example.Level, example.Factors)
	}
}

// person adds somebody as an example has them, to a new household when the last one is full.
func (e *examples) person(example rules.Example) string {
	e.Helper()
	if e.people%models.HouseholdLimit == 0 {
		e.households++
		e.people = 0
		e.phone = fmt.Sprintf("+849000000%02d", e.households)
		e.token = e.signIn(e.phone)
	}
	e.people++
	return e.personOf(e.token, e.people-1, example.Age, example.Sex)
}

// remember keeps what an example says was answered and decided before, whatever the rules of today say of it.
func (e *examples) remember(program *rules.Program, example rules.Example, person string) {
	e.Helper()
	account, err := e.app.store.AccountOfPhone(e.Context(), e.phone)
	if err != nil {
		e.Fatal(err)
	}
	before := models.Declaration{
		Account: account, Form: models.FormDaily, PersonID: person, Program: program.ID(), Version: program.Version(), Channel: models.ChannelApp,
		Age: example.Age, Sex: models.Female, Commune: "06325", Province: "20", Answers: models.Answers{}, OccurredAt: time.Now(),
	}
	for name, value := range example.Earlier {
		switch name {
		case "level":
			if before.Decision.Level, err = models.ParseLevel(value.(string)); err != nil {
				e.Fatal(err)
			}
		case "days":
			before.OccurredAt = time.Now().AddDate(0, 0, -int(value.(int64)))
		default:
			before.Answers[name] = value
		}
	}
	before.OccurredAt = before.OccurredAt.Add(-5 * time.Millisecond).Truncate(time.Millisecond)
	before.ReceivedAt, before.ID = before.OccurredAt, models.TimeID(before.OccurredAt, person)
	if err := e.app.store.InsertDeclaration(e.Context(), &before); err != nil {
		e.Fatal(err)
	}
}

// today moves the dates of answers from the day of their example to now.
func today(answers map[string]any, day time.Time) map[string]any {
	out := map[string]any{}
	for question, answer := range answers {
		if text, ok := answer.(string); ok {
			if date, err := time.Parse(time.DateOnly, text); err == nil {
				then, _ := time.Parse(time.DateOnly, models.Day(day))
				now, _ := time.Parse(time.DateOnly, models.Day(time.Now()))
				answer = date.Add(now.Sub(then)).Format(time.DateOnly)
			}
		}
		out[question] = answer
	}
	return out
}

// personOf adds somebody of an age to the household.
func (w *world) personOf(token string, n, age int, sex models.Sex) string {
	w.Helper()
	relation := models.OtherRelated
	if n == 0 {
		relation = models.Self
	}
	if sex == "" {
		sex = models.Female
	}
	var made struct {
		ID string `json:"id"`
	}
	w.want(http.StatusCreated, "POST", "/v1/people", token, map[string]any{
		"name": "Nguyễn Thị Thử", "birth_date": time.Now().In(models.Hanoi).AddDate(-age, 0, -1).Format(time.DateOnly), "sex": sex,
		"relationship": relation, "area": map[string]any{"commune": "06325"},
	}).into(w.T, &made)
	return made.ID
}
