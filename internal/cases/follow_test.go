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
	for _, term := range Terms(account, "p") {
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

// permutations gives every order of n things.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, shorter := range permutations(n - 1) {
		for at := range n {
			all = append(all, slices.Insert(slices.Clone(shorter), at, n-1))
		}
	}
	return all
}

// The trend of a case is that of what happened, in whatever order it arrives.
func TestTheTrendIsTheSameInAnyOrder(t *testing.T) {
	t.Parallel()
	s := service()
	first, second := declared("1", 0, models.LevelModerate), declared("2", 24*time.Hour, models.LevelHigh)
	third, fourth := declared("3", 48*time.Hour, models.LevelModerate), declared("4", 72*time.Hour, models.LevelHigh)
	second.Measures, fourth.Measures = map[string]float64{"spo2": 93}, map[string]float64{"spo2": 92.5}
	second.Previous = models.LevelAt{At: first.OccurredAt, Level: first.Decision.Level, Declaration: ref(first)}
	fourth.Previous = models.LevelAt{At: second.OccurredAt, Level: second.Decision.Level, Declaration: ref(second)} // the third was late
	all := []*models.Declaration{first, second, third, fourth}
	var want []models.LevelAt
	for _, d := range all {
		want = append(want, models.LevelAt{At: d.OccurredAt, Level: d.Decision.Level, Declaration: ref(d), Values: d.Measures})
	}
	for _, order := range permutations(4) {
		var c *models.Case
		for _, i := range order {
			c = run(t, s, c, all[i])
			c = run(t, s, c, all[i]) // once more is once
		}
		if diff := cmp.Diff(want, c.Levels); diff != "" {
			t.Errorf("%v: %s", order, diff)
		}
		trend, ok := c.Trend()
		if !ok || trend != (models.Trend{Direction: models.Worse, Previous: models.LevelModerate, Since: third.OccurredAt}) || c.LatestLevel != models.LevelHigh {
			t.Errorf("%v: trend %+v, latest %s", order, trend, c.LatestLevel)
		}
	}
}

// A case knows the level from right before it, when the form that opened it looked back.
func TestTheTrendBeginsBeforeTheCase(t *testing.T) {
	t.Parallel()
	s := service()
	d := declared("2", 0, models.LevelHigh)
	d.Previous = models.LevelAt{At: day.Add(-12 * time.Hour), Level: models.LevelLow, Declaration: models.DeclarationRef{Form: models.FormDaily, ID: "1"}}
	c := run(t, s, nil, d)
	trend, ok := c.Trend()
	if !ok || trend.Direction != models.Worse || trend.Previous != models.LevelLow || len(c.Levels) != 2 || !c.RaisedAt.IsZero() {
		t.Errorf("%+v %+v", trend, c)
	}
	if _, ok := run(t, s, nil, declared("3", 0, models.LevelHigh)).Trend(); ok {
		t.Error("a trend of one point")
	}
}

// Whoever gets worse again is worse again, though the level has been as high before.
func TestARelapseIsRaised(t *testing.T) {
	t.Parallel()
	s := service()
	c := run(t, s, nil, declared("1", 0, models.LevelHigh), declared("2", time.Hour, models.LevelLow))
	if !c.RaisedAt.IsZero() {
		t.Errorf("better, and raised at %s", c.RaisedAt)
	}
	again := declared("3", 2*time.Hour, models.LevelHigh)
	if c = run(t, s, c, again); !c.RaisedAt.Equal(again.ReceivedAt) {
		t.Errorf("raised at %s", c.RaisedAt)
	}
	raised := c.RaisedAt
	if better := run(t, s, &models.Case{Levels: slices.Clone(c.Levels), Level: c.Level, Status: c.Status, RaisedAt: raised, LastDeclaredAt: c.LastDeclaredAt}, declared("6", 4*time.Hour, models.LevelLow)); !better.RaisedAt.IsZero() {
		t.Errorf("better again, and raised at %s", better.RaisedAt)
	}
	if c = run(t, s, c, declared("4", 3*time.Hour, models.LevelHigh), declared("5", 90*time.Minute, models.LevelModerate)); !c.RaisedAt.Equal(raised) {
		t.Errorf("the same level, and a late one: raised at %s", c.RaisedAt)
	}
}
