package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/store"
	"khaibao/models"
)

// waiting is a case with the hours in which it was overdue, and unreached; the last hour of a wait that goes on is 0.
type waiting struct {
	id    string
	area  models.Area
	hours map[models.WaitKind][][2]int
}

// at tells whether the case waited at a moment.
func (w waiting) at(kind models.WaitKind, moment time.Time) bool {
	return slices.ContainsFunc(w.hours[kind], func(h [2]int) bool {
		from, to := at.Add(time.Duration(h[0])*time.Hour), at.Add(time.Duration(h[1])*time.Hour)
		return from.Before(moment) && (h[1] == 0 || !to.Before(moment))
	})
}

// Who waited at the end of a day is listed page by page in every order, counted, and named: those who wait no longer and those
// who still do.
func TestWaitedOn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *store.Store) {
		ctx, dice := t.Context(), rand.New(rand.NewPCG(5, 8))
		account := household(t, s)
		now := at.Add(100 * time.Hour)
		kinds := []models.WaitKind{models.WaitOverdue, models.WaitUnreached}
		var all []waiting
		for n := range 60 {
			place := tallyPlaces[dice.IntN(len(tallyPlaces))]
			w := waiting{area: models.Area(place[0]), hours: map[models.WaitKind][][2]int{}}
			c := models.Case{
				Commune: place[0], Province: place[1], OpenedAt: at, Status: models.CaseNew, Level: models.LevelModerate + models.Level(dice.IntN(3)),
				LastDeclaredAt: at.Add(time.Duration(dice.IntN(5)) * time.Hour), DueAt: now.Add(time.Hour), // several alike: the id decides
			}
			for _, kind := range kinds {
				for from := 1 + dice.IntN(60); from < 95; from += dice.IntN(60) {
					h := [2]int{from, from + 1 + dice.IntN(50)}
					if h[1] >= 95 {
						h[1] = 0
						waits := at.Add(time.Duration(from) * time.Hour)
						if kind == models.WaitOverdue {
							c.DueAt = waits
						} else {
							c.UnreachedSince = waits
						}
					} else {
						c.EndWait(kind, at.Add(time.Duration(h[0])*time.Hour), at.Add(time.Duration(h[1])*time.Hour))
					}
					w.hours[kind] = append(w.hours[kind], h)
					if from = h[1]; h[1] == 0 {
						break
					}
				}
			}
			person := fmt.Sprint("p", n)
			w.id = models.CaseID(account.ID, person, "covid19")
			all = append(all, w)
			err := s.UpsertCase(ctx, account.ID, person, "covid19", nil, func(*models.Case) (*models.Case, []models.Effect, error) { return &c, nil, nil })
			if err != nil {
				t.Fatal(err)
			}
		}
		found := 0
		for ago := range 5 {
			day := models.Day(now.AddDate(0, 0, -ago-1))
			begins, _ := time.ParseInLocation(time.DateOnly, day, models.Hanoi)
			for _, kind := range kinds {
				for _, scope := range []models.Area{models.Nation, "20", "06325"} {
					on := models.WaitedOn{Kind: kind, Day: day}
					var want []string
					for _, w := range all {
						within := scope == models.Nation || w.area == scope || (scope == "20" && w.area != "00004")
						if within && w.at(kind, begins.AddDate(0, 0, 1)) {
							want = append(want, w.id)
						}
					}
					found += len(want)
					slices.Sort(want)
					listed := s.Within(scope)
					for _, order := range []models.CaseOrder{models.ByNewest, models.ByDeadline, models.ByLevel} {
						f := models.CaseFilter{WaitedOn: on, Order: order}
						whole, _, err := listed.List(ctx, f, now, models.Page{Limit: 200})
						if err != nil {
							t.Fatal(err)
						}
						var ids, paged []string
						for _, c := range whole {
							ids = append(ids, c.Case.ID)
						}
						if !slices.IsSortedFunc(whole, func(a, b models.CasePerson) int { return inOrder(order, &a.Case, &b.Case) }) {
							t.Errorf("%v by %q: not in order", on, order)
						}
						for page := (models.Page{Limit: 3}); ; {
							cases, next, err := listed.List(ctx, f, now, page)
							if err != nil {
								t.Fatal(err)
							}
							for _, c := range cases {
								paged = append(paged, c.Case.ID)
							}
							if page.Cursor = next; next == "" {
								break
							}
						}
						named, err := listed.IDs(ctx, f, now, 200)
						if !slices.Equal(paged, ids) || !slices.Equal(named, ids) || err != nil {
							t.Errorf("%v by %q: all at once %v, by pages %v, named %v, %v", on, order, ids, paged, named, err)
						}
						slices.Sort(ids)
						if diff := cmp.Diff(want, ids); diff != "" {
							t.Errorf("%v of %s by %q: %s", on, scope, order, diff)
						}
					}
					n, err := listed.Count(ctx, models.CaseFilter{WaitedOn: on}, now)
					few, fewErr := listed.CountUpTo(ctx, models.CaseFilter{WaitedOn: on}, now, 2)
					if err != nil || fewErr != nil || n != int64(len(want)) || few != min(n, 2) {
						t.Errorf("%v of %s: counted %d, up to two %d, want %d; %v, %v", on, scope, n, few, len(want), err, fewErr)
					}
				}
			}
		}
		if found < 200 {
			t.Errorf("only %d were ever waiting", found)
		}
	})
}

// inOrder is the order of a list without its last key, the id.
func inOrder(order models.CaseOrder, a, b *models.Case) int {
	switch order {
	case models.ByDeadline:
		return a.DueAt.Compare(b.DueAt)
	case models.ByLevel:
		if a.Level != b.Level {
			return int(b.Level) - int(a.Level)
		}
	}
	return b.LastDeclaredAt.Compare(a.LastDeclaredAt)
}
