package auth

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"khaibao/models"
)

func TestAddNamesEveryWrongField(t *testing.T) {
	t.Parallel()
	good := NewOfficial{Login: "an.nguyen", Name: "Nguyễn Văn An", Role: models.Officer, Area: "06325", Password: "mười hai ký tự"}
	for name, test := range map[string]struct {
		change func(*NewOfficial)
		want   []string
	}{
		"good":                      {func(n *NewOfficial) {}, nil},
		"password made":             {func(n *NewOfficial) { n.Password = "" }, nil},
		"nothing":                   {func(n *NewOfficial) { *n = NewOfficial{} }, []string{"/login required", "/name required", "/role unknown_option", "/area unknown_area"}},
		"login too short":           {func(n *NewOfficial) { n.Login = "an" }, []string{"/login too_short"}},
		"login too long":            {func(n *NewOfficial) { n.Login = strings.Repeat("a", 65) }, []string{"/login too_long"}},
		"login with a space":        {func(n *NewOfficial) { n.Login = "an nguyen" }, []string{"/login forbidden_characters"}},
		"login with diacritics":     {func(n *NewOfficial) { n.Login = "ân.nguyễn" }, []string{"/login forbidden_characters"}},
		"name of spaces":            {func(n *NewOfficial) { n.Name = "   " }, []string{"/name required"}},
		"name too long":             {func(n *NewOfficial) { n.Name = strings.Repeat("ễ", 101) }, []string{"/name too_long"}},
		"name with a bidi override": {func(n *NewOfficial) { n.Name = "An\u202eevil" }, []string{"/name forbidden_characters"}},
		"name not UTF-8":            {func(n *NewOfficial) { n.Name = "An\xff" }, []string{"/name forbidden_characters"}},
		"short password":            {func(n *NewOfficial) { n.Password = "mười một ký" }, []string{"/password bad_password"}},
		"long password":             {func(n *NewOfficial) { n.Password = strings.Repeat("a", 257) }, []string{"/password too_long"}},
		"unknown area":              {func(n *NewOfficial) { n.Area = "99999" }, []string{"/area unknown_area"}},
		"national manager of one":   {func(n *NewOfficial) { n.Role, n.Area = models.NationalManager, "20" }, []string{"/area needs_nation"}},
		"national manager":          {func(n *NewOfficial) { n.Role, n.Area = models.NationalManager, models.Nation }, nil},
		"manager of a commune":      {func(n *NewOfficial) { n.Role = models.ProvinceManager }, []string{"/area needs_province"}},
		"manager of the nation":     {func(n *NewOfficial) { n.Role, n.Area = models.ProvinceManager, models.Nation }, []string{"/area needs_province"}},
		"manager of a province":     {func(n *NewOfficial) { n.Role, n.Area = models.ProvinceManager, "79" }, nil},
		"viewer of the nation":      {func(n *NewOfficial) { n.Role, n.Area = models.Viewer, models.Nation }, nil},
		"auditor of a province":     {func(n *NewOfficial) { n.Role, n.Area = models.Auditor, "79" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			n := good
			test.change(&n)
			_, err := r.officials.Add(t.Context(), n)
			if diff := cmp.Diff(test.want, problemsOf(err)); diff != "" {
				t.Error(diff)
			}
			list, err := r.officials.List(t.Context())
			if want := len(test.want) == 0; err != nil || (len(list) == 1) != want {
				t.Errorf("%d officials are kept, %v", len(list), err)
			}
		})
	}
}

// problemsOf lists "field code" of an Invalid error.
func problemsOf(err error) []string {
	var e *models.Error
	if err == nil {
		return nil
	}
	if !errors.As(err, &e) || e.Kind != models.Invalid {
		return []string{err.Error()}
	}
	var out []string
	for _, f := range e.Fields {
		out = append(out, f.Field+" "+f.Code)
	}
	return out
}

func TestAdministration(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	addOfficial(t, r, "binh.tran")
	addOfficial(t, r, "an.nguyen")
	_, err := r.officials.Add(ctx, NewOfficial{Login: "AN.NGUYEN", Name: "An", Role: models.Viewer, Area: "20"})
	wantCode(t, "a taken login", err, models.Conflict, "conflict")
	err = r.officials.Operator().Change(ctx, "an.nguyen", models.ProvinceManager, "")
	if diff := cmp.Diff([]string{"/area needs_province"}, problemsOf(err)); diff != "" {
		t.Error(diff)
	}
	if err := r.officials.Operator().Change(ctx, "an.nguyen", "", "79"); err != nil {
		t.Error(err)
	}
	if err := r.officials.Operator().Disable(ctx, "binh.tran"); err != nil {
		t.Error(err)
	}
	_, reset := r.officials.ResetCredentials(ctx, "nobody")
	for what, err := range map[string]error{
		"change": r.officials.Operator().Change(ctx, "nobody", models.Viewer, "20"), "disable": r.officials.Operator().Disable(ctx, "$gt"),
		"enable": r.officials.Operator().Enable(ctx, "nobody"), "reset": reset,
	} {
		wantCode(t, what+" nobody", err, models.NotFound, "not_found")
	}
	got, err := r.officials.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	same := models.Official{Name: "Nguyễn Văn An", Role: models.Officer, CreatedAt: r.now()}
	want := []models.Official{same, same}
	want[0].ID, want[0].Login, want[0].Area, want[0].Province = "an.nguyen", "an.nguyen", "79", "79"
	want[1].ID, want[1].Login, want[1].Area, want[1].Province, want[1].DisabledAt = "binh.tran", "binh.tran", "06325", "20", r.now()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(models.Official{}, "Rev")); diff != "" {
		t.Error(diff)
	}
}

// Who was let in, moved or locked out is in the audit, once for each change.
func TestAdministrationIsAudited(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	addOfficial(t, r, "an.nguyen")
	for range 2 {
		if err := r.officials.Operator().Disable(ctx, "an.nguyen"); err != nil {
			t.Fatal(err)
		}
	}
	_, reset := r.officials.ResetCredentials(ctx, "an.nguyen")
	if err := errors.Join(r.officials.Operator().Enable(ctx, "an.nguyen"), r.officials.Operator().Change(ctx, "an.nguyen", models.Viewer, "20"), reset); err != nil {
		t.Fatal(err)
	}
	entries := r.owedAudit(t)
	got := map[models.AuditAction]map[string]string{}
	for _, e := range entries {
		got[e.Action] = e.Detail
	}
	before := map[string]string{"login": "an.nguyen", "role": "officer", "area": "06325"}
	want := map[models.AuditAction]map[string]string{
		"add_official": before, "disable_official": before, "enable_official": before, "reset_official": before,
		"change_official": {"login": "an.nguyen", "role": "viewer", "area": "20"},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(entries) != len(want) {
		t.Errorf("%d entries %s", len(entries), diff)
	}
}
