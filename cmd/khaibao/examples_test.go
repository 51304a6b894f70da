package main

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"khaibao/internal/store/storetest"
	"khaibao/models"
)

// TestEveryExampleThroughTheAPI declares every example of every shipped program, every cell of the published tables among
// them, and wants its level and factors back.
func TestEveryExampleThroughTheAPI(t *testing.T) {
	t.Parallel()
	for name, open := range storetest.Engines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, open(t))
			token := w.signIn("+84900000001")
			people := map[string]string{}
			for _, program := range w.app.catalog.Active(time.Now()) {
				for _, example := range program.Examples() {
					who := fmt.Sprint(example.Age, example.Sex)
					if people[who] == "" {
						people[who] = w.personOf(token, len(people), example.Age, example.Sex)
					}
					path := map[models.Form]string{models.FormDeclaration: "/v1/declarations", models.FormDaily: "/v1/health-updates"}[example.Form]
					var got struct {
						Decision struct {
							Level   models.Level `json:"level"`
							Factors []string     `json:"factors"`
						} `json:"decision"`
					}
					w.want(http.StatusCreated, "POST", path, token, map[string]any{
						"id": uuid7(t), "program": program.ID(), "person_id": people[who], "answers": today(example.Answers, example.Day), "occurred_at": time.Now(),
					}).into(t, &got)
					if got.Decision.Level != example.Level || (example.Factors != nil && !slices.Equal(got.Decision.Factors, example.Factors)) {
						t.Errorf("%s, %s: %s %v, want %s %v", program.ID(), example.Name, got.Decision.Level, got.Decision.Factors, example.Level, example.Factors)
					}
				}
			}
		})
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
