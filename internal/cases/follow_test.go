package cases

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khaibao/internal/rules"
	"khaibao/models"
)

var day = time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC)

func declared(id string, after time.Duration, level models.Level) *models.Declaration {
	return &models.Declaration{
		Account: "a", ID: id, Form: models.FormDeclaration, PersonID: "p", Program: "none", Version: 1, Commune: "06325", Province: "20",
		OccurredAt: day.Add(after), ReceivedAt: day.Add(after + time.Minute), Decision: models.Decision{Level: level},
	}
}

func service() *Service {
	return New(Config{Programs: &rules.Catalog{}, Now: func() time.Time { return day }})
}

// run applies declarations one after the other, as the effects worker does.
func run(t *testing.T, s *Service, c *models.Case, ds ...*models.Declaration) *models.Case {
	t.Helper()
	for _, d := range ds {
		next, _, err := s.follow(c, d)
		if err != nil && err != models.ErrUnchanged {
			t.Fatal(err)
		}
		if err == nil {
			c = next
		}
	}
	return c
}

func TestFollow(t *testing.T) {
	t.Parallel()
	closed := func(c *models.Case) { c.Status = models.CaseClosed }
	for name, c := range map[string]struct {
		before []*models.Declaration
		act    func(*models.Case)
		then   []*models.Declaration
		open   bool
		level  models.Level
		latest models.Level
		status models.CaseStatus
		points int
	}{
		"a low level opens nothing":              {then: []*models.Declaration{declared("1", 0, models.LevelLow)}},
		"moderate opens":                         {then: []*models.Declaration{declared("1", 0, models.LevelModerate)}, open: true, level: models.LevelModerate, latest: models.LevelModerate, status: models.CaseNew, points: 1},
		"nobody declares their way out":          {then: []*models.Declaration{declared("1", 0, models.LevelHigh), declared("2", time.Hour, models.LevelLow)}, open: true, level: models.LevelHigh, latest: models.LevelLow, status: models.CaseNew, points: 2},
		"worse raises":                           {then: []*models.Declaration{declared("1", 0, models.LevelModerate), declared("2", time.Hour, models.LevelEmergency)}, open: true, level: models.LevelEmergency, latest: models.LevelEmergency, status: models.CaseNew, points: 2},
		"late and worse raises, latest stays":    {then: []*models.Declaration{declared("1", 0, models.LevelModerate), declared("2", -time.Hour, models.LevelHigh)}, open: true, level: models.LevelHigh, latest: models.LevelModerate, status: models.CaseNew, points: 2},
		"the same again is one point":            {then: []*models.Declaration{declared("1", 0, models.LevelHigh), declared("1", 0, models.LevelHigh)}, open: true, level: models.LevelHigh, latest: models.LevelHigh, status: models.CaseNew, points: 1},
		"a newer flag reopens":                   {before: []*models.Declaration{declared("1", 0, models.LevelEmergency)}, act: closed, then: []*models.Declaration{declared("2", time.Hour, models.LevelModerate)}, open: true, level: models.LevelModerate, latest: models.LevelModerate, status: models.CaseNew, points: 2},
		"a late flag leaves it closed":           {before: []*models.Declaration{declared("1", 0, models.LevelHigh)}, act: closed, then: []*models.Declaration{declared("2", -time.Hour, models.LevelEmergency)}, open: true, level: models.LevelHigh, latest: models.LevelHigh, status: models.CaseClosed, points: 2},
		"well after closing leaves it closed":    {before: []*models.Declaration{declared("1", 0, models.LevelHigh)}, act: closed, then: []*models.Declaration{declared("2", time.Hour, models.LevelNone)}, open: true, level: models.LevelHigh, latest: models.LevelNone, status: models.CaseClosed, points: 2},
		"same moment: the later received counts": {then: []*models.Declaration{declared("1", 0, models.LevelHigh), declared("2", 0, models.LevelModerate)}, open: true, level: models.LevelHigh, latest: models.LevelModerate, status: models.CaseNew, points: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := service()
			got := run(t, s, nil, c.before...)
			if c.act != nil {
				c.act(got)
			}
			got = run(t, s, got, c.then...)
			if (got != nil) != c.open {
				t.Fatalf("case %+v", got)
			}
			if got == nil {
				return
			}
			if got.Level != c.level || got.LatestLevel != c.latest || got.Status != c.status || len(got.Levels) != c.points {
				t.Errorf("level %s latest %s status %s points %d", got.Level, got.LatestLevel, got.Status, len(got.Levels))
			}
			if !slices.IsSortedFunc(got.Levels, func(a, b models.LevelAt) int { return a.At.Compare(b.At) }) {
				t.Error("the trend is out of order")
			}
		})
	}
}

func TestCaseFollowsTheCommuneButNotATransfer(t *testing.T) {
	t.Parallel()
	s := service()
	c := run(t, s, nil, declared("1", 0, models.LevelHigh))
	c.Commune = "06001" // transferred by an official
	c.Assignee = "an-official"
	c = run(t, s, c, declared("2", time.Hour, models.LevelHigh))
	if c.Commune != "06001" {
		t.Error("an update from the same home undid the transfer")
	}
	moved := declared("3", 2*time.Hour, models.LevelHigh)
	moved.Commune, moved.Province = "00004", "01"
	c = run(t, s, c, moved)
	if c.Assignee != "" {
		t.Error("the case is still taken by somebody who cannot see it")
	}
	if c.Commune != "00004" || c.Province != "01" {
		t.Errorf("the person moved, the case is in %s", c.Commune)
	}
}

func TestMasks(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Nguyễn Văn An": "N*** V*** A***", "Đỗ": "Đ***", "": "", "Ô Lý": "Ô*** L***"} {
		if got := MaskName(name); got != want {
			t.Errorf("MaskName(%q) = %q, want %q", name, got, want)
		}
	}
	for phone, want := range map[string]string{"+84912345678": "0912***678", "": "", "+841": ""} {
		if got := MaskPhone(phone); got != want {
			t.Errorf("MaskPhone = %q, want %q", got, want)
		}
	}
}

func TestSearchFindsWhatWasIndexed(t *testing.T) {
	t.Parallel()
	account := &models.Account{Phone: "+84912345678", People: []models.Person{{ID: "p", Name: "Nguyễn Thị Bích Đào", NationalID: "020158000001"}}}
	kept := map[models.SearchTerm]bool{}
	for _, term := range terms(account, "p") {
		kept[term] = true
	}
	for typed, want := range map[string]bool{
		"0912 345 678": true, "+84912345678": true, "84912345678": true, "020158000001": true, "020 158 000 001": true,
		"Nguyễn Thị Bích Đào": true, "nguyen thi bich dao": true, "BÍCH ĐÀO": true, "thị bích": true,
		"Nguyễn Đào": false, "0912345679": false, "020158000002": false, "đào": false, "": false,
	} {
		got := slices.ContainsFunc(SearchQuery(typed), func(term models.SearchTerm) bool { return kept[term] })
		if got != want {
			t.Errorf("%q found: %t, want %t", typed, got, want)
		}
	}
}

func TestNameRuns(t *testing.T) {
	t.Parallel()
	want := []string{"le van", "le van a", "van a"}
	got := nameRuns("le van a")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
