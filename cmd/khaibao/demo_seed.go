package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"khaibao/internal/areas"
	"khaibao/internal/intake"
	"khaibao/internal/rules"
	"khaibao/models"
)

// The demo's people: synthetic, and the same at every start, because everything about them follows from their number.
const (
	seedHouseholds = 2000
	seedDays       = 14
	seedWorkers    = 16
)

// seeder enters the demo's people and two weeks of their history through the same use-cases as everything else.
type seeder struct {
	claim      func(ctx context.Context, phone string) (string, error)
	intake     func(now func() time.Time) *intake.Service
	programs   *rules.Catalog
	areas      *areas.Directory
	communes   []string  // where most of them live
	start      time.Time // of the newest day; fixed at the first start, so that a second one enters the same
	households int       // how many to enter
	done       atomic.Int64
}

// run enters everybody; what is there already is recognised by its id, so that a start that was cut off goes on.
func (s *seeder) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(seedWorkers)
	for n := range s.households {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			defer s.done.Add(1)
			return s.household(ctx, n)
		})
	}
	return group.Wait()
}

func (s *seeder) household(ctx context.Context, n int) error {
	dice := rand.New(rand.NewPCG(uint64(n), 20260101))
	account, err := s.claim(ctx, seedPhone(n))
	if err != nil {
		return fmt.Errorf("household %d: %w", n, err)
	}
	citizen := models.Citizen{Account: account, Channel: models.ChannelApp, Lang: models.Vietnamese}
	commune := s.communes[dice.IntN(len(s.communes))]
	if dice.IntN(4) == 0 { // one in four lives anywhere in the country
		provinces := s.areas.Provinces()
		all, _ := s.areas.Communes(provinces[dice.IntN(len(provinces))].Code)
		commune = all[dice.IntN(len(all))].Code
	}
	size := 1 + dice.IntN(3)
	for i := range size {
		if err := s.person(ctx, dice, citizen, commune, n, i); err != nil {
			return fmt.Errorf("household %d: %w", n, err)
		}
	}
	return nil
}

// seedPhone gives the number of household n: 0900 010 000 and up, which the handset's own numbers leave free.
func seedPhone(n int) string { return fmt.Sprintf("+849000%05d", 10000+n) }

func (s *seeder) person(ctx context.Context, dice *rand.Rand, citizen models.Citizen, commune string, n, i int) error {
	first := s.start.AddDate(0, 0, -dice.IntN(seedDays)).Add(-time.Duration(dice.IntN(600)) * time.Minute)
	var at time.Time
	service := s.intake(func() time.Time { return at })
	at = first
	id := seedID(first, n, i, 0)
	sex := []models.Sex{models.Female, models.Male}[dice.IntN(2)]
	relation := models.Self
	if i > 0 {
		relation = []models.Relationship{models.Spouse, models.Parent, models.Child}[dice.IntN(3)]
	}
	name, born := seedName(dice, sex), seedBirthDate(dice, relation)
	if _, _, _, err := service.AddPerson(ctx, citizen, intake.PersonInput{
		ID: id, Name: &name, BirthDate: &born, Sex: &sex, Relationship: &relation, Commune: &commune,
	}); err != nil {
		return err
	}
	sick := dice.IntN(8) == 0
	program := seedPrograms[dice.IntN(len(seedPrograms))]
	if _, ok := s.programs.Current(program, at); !ok {
		return nil
	}
	form := models.FormDeclaration
	for step := 1; !at.After(s.start) && step <= 1+seedDays; step++ {
		_, _, err := service.Submit(ctx, citizen, intake.Submission{
			Form: form, ID: seedID(at, n, i, step), Program: program, PersonID: id,
			Answers: s.answers(dice, program, form, at, illness(sick, step)), OccurredAt: at,
		})
		if err != nil {
			return err
		}
		form = models.FormDaily
		at = at.Add(24*time.Hour + time.Duration(dice.IntN(120)-60)*time.Minute)
		if !sick && dice.IntN(2) == 0 { // the well ones update half of the time and then stop
			break
		}
	}
	return nil
}

var seedPrograms = []string{"covid19", "covid19", "covid19", "dengue", "measles"}

// illness is how ill somebody is on a day of theirs, from 0 to 1: the sick get worse until the fourth day, then better.
func illness(sick bool, day int) float64 {
	if !sick {
		return 0
	}
	return max(0.1, 1-math.Abs(float64(day-4))/5)
}

// answers fills a form at random from its own questions: mostly well, the sick with some symptoms and with the numbers of
// their day.
func (s *seeder) answers(dice *rand.Rand, program string, form models.Form, at time.Time, ill float64) map[string]any {
	p, _ := s.programs.Current(program, at)
	spec, ok := p.Form(form)
	if !ok {
		return nil
	}
	given, sick := map[string]any{}, ill > 0
	for _, q := range spec.Questions {
		switch {
		case q.Type == "boolean" && !q.Emergency && q.EnableWhen == nil:
			given[q.ID] = sick && dice.IntN(3) == 0
		case q.Type == "boolean" && q.Emergency:
			given[q.ID] = sick && dice.IntN(120) == 0
		case q.Type == "choice" && q.EnableWhen == nil && q.Required:
			given[q.ID] = q.Options[len(q.Options)-1-dice.IntN(len(q.Options))].ID
		case q.Codes.Unit != "" && q.EnableWhen == nil:
			if number, ok := measured(dice, q.Codes.Unit, ill); ok {
				given[q.ID] = number
			}
		}
	}
	return given
}

// measured is a plausible number in a unit.
func measured(dice *rand.Rand, unit string, ill float64) (float64, bool) {
	switch unit {
	case "Cel":
		return math.Round((36.4+2.2*ill+0.4*dice.Float64())*10) / 10, true
	case "%":
		return math.Round(98.4 - 4*ill*dice.Float64()), true
	case "/min":
		return math.Round(66 + 30*ill + 16*dice.Float64()), true
	}
	return 0, false
}

// seedID is a UUIDv7 of a moment whose random part is the number of what it names.
func seedID(at time.Time, household, person, step int) string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16)
	id[6] = 0x70
	id[8] = 0x80
	binary.BigEndian.PutUint32(id[9:13], uint32(household))
	id[14], id[15] = byte(person), byte(step)
	return id.String()
}

var (
	seedFamilies = []string{"Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý", "Nông", "Lò", "Giàng", "Thạch"}
	seedMiddles  = map[models.Sex][]string{models.Female: {"Thị", "Ngọc", "Thu", "Minh", "Thanh", "Kim"}, models.Male: {"Văn", "Đức", "Minh", "Quốc", "Hữu", "Công"}}
	seedGivens   = map[models.Sex][]string{
		models.Female: {"An", "Bình", "Chi", "Dung", "Hà", "Hạnh", "Hoa", "Hương", "Lan", "Linh", "Mai", "Nga", "Ngân", "Nhung", "Phượng", "Thảo", "Thủy", "Trang", "Vân", "Yến"},
		models.Male:   {"An", "Bảo", "Cường", "Dũng", "Đạt", "Hải", "Hiếu", "Hùng", "Khoa", "Long", "Nam", "Phúc", "Quân", "Sơn", "Tài", "Thắng", "Trung", "Tuấn", "Việt", "Vinh"},
	}
)

func seedName(dice *rand.Rand, sex models.Sex) string {
	pick := func(from []string) string { return from[dice.IntN(len(from))] }
	return pick(seedFamilies) + " " + pick(seedMiddles[sex]) + " " + pick(seedGivens[sex])
}

func seedBirthDate(dice *rand.Rand, relation models.Relationship) string {
	from, span := 1965, 40
	switch relation {
	case models.Parent:
		from, span = 1935, 30
	case models.Child:
		from, span = 2008, 16
	}
	return fmt.Sprintf("%04d-%02d-%02d", from+dice.IntN(span), 1+dice.IntN(12), 1+dice.IntN(28))
}
