package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/internal/store/storetest"
	"khaibao/models"
)

var errPulled = errors.New("the plug is pulled")

// shaky is an engine that dies before or after some of its writes.
type shaky struct {
	store.Engine
	dice *rand.Rand
	on   bool
}

func (e *shaky) write(do func() error) error {
	if !e.on {
		return do()
	}
	switch e.dice.IntN(6) {
	case 0:
		return errPulled
	case 1:
		return errors.Join(do(), errPulled)
	}
	return do()
}

func (e *shaky) Add(ctx context.Context, collection string, increments []store.Increment) error {
	return e.write(func() error { return e.Engine.Add(ctx, collection, increments) })
}

func (e *shaky) InsertAll(ctx context.Context, collection string, docs []store.Document) error {
	return e.write(func() error { return e.Engine.InsertAll(ctx, collection, docs) })
}

func (e *shaky) Replace(ctx context.Context, collection string, doc store.Document, was string) error {
	return e.write(func() error { return e.Engine.Replace(ctx, collection, doc, was) })
}

func (e *shaky) ReplaceAll(ctx context.Context, collection string, docs []store.Document, was []string) (changed []int, err error) {
	err = e.write(func() error {
		changed, err = e.Engine.ReplaceAll(ctx, collection, docs, was)
		return err
	})
	return changed, err
}

func (e *shaky) Unset(ctx context.Context, collection, field string, refs []store.Ref) error {
	return e.write(func() error { return e.Engine.Unset(ctx, collection, field, refs) })
}

// tallyPlaces are communes with their provinces.
var tallyPlaces = [][2]string{{"06325", "20"}, {"05977", "20"}, {"00004", "01"}}

// tallyRig changes cases at random and has two workers count them.
type tallyRig struct {
	*testing.T
	store   *store.Store
	engine  *shaky
	dice    *rand.Rand
	workers [2]*store.CaseCounting
	now     time.Time
}

func (r *tallyRig) change(person string) {
	r.Helper()
	err := r.store.UpsertCase(r.Context(), "a", person, []string{"covid19", "dengue"}[r.dice.IntN(2)], nil, func(c *models.Case) (*models.Case, []models.Effect, error) {
		place := tallyPlaces[r.dice.IntN(len(tallyPlaces))]
		if c == nil {
			c = &models.Case{Commune: place[0], Province: place[1], Home: place[0], OpenedAt: r.now, LastDeclaredAt: r.now, Status: models.CaseNew, Level: models.LevelModerate, Factors: []string{"symptoms"}}
			return c, nil, nil
		}
		switch r.dice.IntN(7) {
		case 0:
			c.Level = models.LevelModerate + models.Level(r.dice.IntN(3))
			c.Factors = []string{"symptoms", "contact_case"}[:r.dice.IntN(3)]
		case 1:
			c.Commune, c.Province = place[0], place[1]
		case 2:
			c.Status, c.ClosedAt, c.DueAt = models.CaseClosed, r.now, time.Time{}
		case 3:
			c.Status, c.OpenedAt, c.FirstContactAt, c.DueAt = models.CaseNew, r.now, time.Time{}, r.now.Add(30*time.Hour)
		case 4:
			c.Status, c.FirstContactAt = models.CaseContacted, r.now
		case 5:
			c.EndWait([]models.WaitKind{models.WaitOverdue, models.WaitUnreached}[r.dice.IntN(2)], r.now.Add(-time.Duration(r.dice.IntN(80))*time.Hour), r.now)
		case 6:
			c.Waits = c.Waits[:len(c.Waits)/2] // taken back
		}
		return c, nil, nil
	})
	if err != nil && !errors.Is(err, errPulled) {
		r.Fatal(err)
	}
}

// work is one batch of a worker, as the effects do it.
func (r *tallyRig) work(i int) (n int, err error) {
	r.Helper()
	defer func() {
		if err != nil {
			r.workers[i] = nil
		}
	}()
	if r.workers[i] == nil {
		if r.workers[i], err = r.store.BeginCaseCounting(r.Context()); err != nil {
			return 0, err
		}
	}
	pending, err := r.store.PendingCases(r.Context(), 5)
	if err != nil {
		return 0, err
	}
	if len(pending) == 0 {
		return r.workers[i].Adopt(r.Context(), 3)
	}
	var ids []string
	for _, p := range pending {
		ids = append(ids, p.ID)
	}
	if err := r.workers[i].Count(r.Context(), ids); err != nil {
		return 0, err
	}
	if r.dice.IntN(3) == 0 {
		r.change(fmt.Sprint("p", r.dice.IntN(9))) // meanwhile
	}
	return len(pending), r.store.DoneCases(r.Context(), pending)
}

// recount counts the cases one by one.
func (r *tallyRig) recount() []models.Numbers {
	r.Helper()
	type key struct {
		program string
		area    models.Area
		day     string
	}
	sums := map[key]*models.Numbers{}
	all, err := r.store.CasesOfAccount(r.Context(), "a")
	if err != nil {
		r.Fatal(err)
	}
	for _, c := range all {
		for _, area := range []models.Area{models.Area(c.Commune), models.Area(c.Province), models.Nation} {
			at := func(day string) *models.Numbers {
				k := key{c.Program, area, day}
				if sums[k] == nil {
					sums[k] = &models.Numbers{
						Program: c.Program, Area: area, Day: day, Opened: map[models.Level]int64{}, Contacted: map[int]int64{},
						Waited: map[models.WaitKind]int64{}, Open: map[models.Level]int64{}, Factors: map[string]int64{},
						Status: map[models.CaseStatus]int64{}, Marks: map[models.Mark]int64{},
					}
				}
				return sums[k]
			}
			at(models.Day(c.OpenedAt)).Opened[c.Level]++
			at("").Status[c.Status]++
			if c.Status != models.CaseClosed {
				at("").Open[c.Level]++
				for mark, since := range map[models.Mark]time.Time{models.MarkRaised: c.RaisedAt, models.MarkUnreached: c.UnreachedSince, models.MarkMissed: c.MissedSince} {
					if !since.IsZero() {
						at("").Marks[mark]++
					}
				}
				for _, f := range c.Factors {
					at("").Factors[f]++
				}
			}
			if !c.DueAt.IsZero() {
				at("").Due++
				at(models.Day(c.DueAt)).Due++
			}
			if !c.FirstContactAt.IsZero() {
				at(models.Day(c.FirstContactAt)).Contacted[models.ContactBound(c.FirstContactAt.Sub(c.OpenedAt))]++
			}
			for _, w := range c.Waits {
				for day := c.OpenedAt.AddDate(0, 0, -60); day.Before(r.now.AddDate(0, 0, 2)); day = day.AddDate(0, 0, 1) {
					end, _ := time.ParseInLocation(time.DateOnly, models.Day(day), models.Hanoi)
					if end = end.AddDate(0, 0, 1); w.From.Before(end) && !w.To.Before(end) {
						at(models.Day(day)).Waited[w.Kind]++
					}
				}
			}
		}
	}
	var out []models.Numbers
	for _, n := range sums {
		out = append(out, *n)
	}
	return out
}

func (r *tallyRig) counted() []models.Numbers {
	r.Helper()
	var out []models.Numbers
	for _, ask := range []struct {
		area     models.Area
		children bool
	}{{models.Nation, false}, {models.Nation, true}, {"20", true}, {"01", true}} {
		got, err := r.store.Numbers(r.Context(), []string{"covid19", "dengue"}, ask.area, ask.children, "2026-01-01", "2027-12-31")
		if err != nil {
			r.Fatal(err)
		}
		out = append(out, got...)
	}
	return out
}

// without drops what has come to nothing: a recount does not know that it was ever there.
func without(all []models.Numbers) []models.Numbers {
	var out []models.Numbers
	for _, n := range all {
		dropZeros(n.Opened)
		dropZeros(n.Open)
		dropZeros(n.Factors)
		dropZeros(n.Contacted)
		dropZeros(n.Waited)
		dropZeros(n.Status)
		dropZeros(n.Marks)
		if len(n.Status)+len(n.Marks)+len(n.Opened)+len(n.Open)+len(n.Factors)+len(n.Contacted)+len(n.Waited) > 0 || n.Due != 0 {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b models.Numbers) int {
		return strings.Compare(a.Program+string(a.Area)+a.Day, b.Program+string(b.Area)+b.Day)
	})
	return out
}

func dropZeros[K comparable](of map[K]int64) {
	maps.DeleteFunc(of, func(_ K, n int64) bool { return n == 0 })
}

// The counters of cases equal a recount whatever the cases went through, with two workers of which neither knows of the
// other, and with an engine that dies before or after any write.
func TestNumbersOfCasesAreExact(t *testing.T) {
	t.Parallel()
	for name, open := range storetest.Engines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, err := seal.Generate()
			if err != nil {
				t.Fatal(err)
			}
			seed := uint64(time.Now().UnixNano())
			t.Log("seed", seed)
			dice := rand.New(rand.NewPCG(seed, 1))
			engine := &shaky{Engine: open(t), dice: dice}
			s, err := store.Open(t.Context(), engine, keys)
			if err != nil {
				t.Fatal(err)
			}
			r := &tallyRig{T: t, store: s, engine: engine, dice: dice, now: at}
			for i := range 9 {
				r.change(fmt.Sprint("p", i))
			}
			engine.on = true
			for range 150 {
				r.now = r.now.Add(time.Duration(dice.IntN(12)) * time.Hour)
				if dice.IntN(3) > 0 {
					r.change(fmt.Sprint("p", dice.IntN(9)))
				} else if _, err := r.work(dice.IntN(2)); err != nil && !errors.Is(err, errPulled) && !models.Changed.Is(err) {
					t.Fatal(err)
				}
			}
			engine.on = false
			for quiet := 0; quiet < 2; {
				switch n, err := r.work(0); {
				case err != nil && !models.Changed.Is(err):
					t.Fatal(err)
				case err == nil && n == 0:
					quiet++
				}
			}
			if diff := cmp.Diff(without(r.recount()), without(r.counted()), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("a recount and the counters (-recount +counters):\n%s", diff)
			}
		})
	}
}
