package auth

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khaibao/models"
)

// owedAudit lists what the officials owe to the audit.
func (r *rig) owedAudit(t testing.TB) []models.AuditEntry {
	t.Helper()
	owing, err := r.store.PendingOfficials(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var out []models.AuditEntry
	for _, official := range owing {
		for _, e := range official.Effects {
			out = append(out, *e.Audit)
		}
	}
	return out
}

// office is that of a manager who is added for it.
func (r *rig) office(t testing.TB, login string, role models.Role, area models.Area) Office {
	t.Helper()
	given, err := r.officials.Add(t.Context(), NewOfficial{Login: login, Name: "Quản lý", Role: role, Area: area})
	if err != nil {
		t.Fatal(err)
	}
	office, err := r.officials.Office(given.Official)
	if err != nil {
		t.Fatal(err)
	}
	return office
}

func (r *rig) add(t testing.TB, login string, role models.Role, area models.Area) {
	t.Helper()
	if _, err := r.officials.Add(t.Context(), NewOfficial{Login: login, Name: "Cán bộ", Role: role, Area: area}); err != nil {
		t.Fatal(err)
	}
}

// Whoever is not a manager has no office.
func TestOfficeIsForManagers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, role := range []models.Role{models.Viewer, models.Officer, models.Auditor, ""} {
		_, err := r.officials.Office(models.Official{Login: "an.nguyen", Role: role, Area: models.Nation})
		wantCode(t, string(role), err, models.Forbidden, "forbidden")
	}
}

// A manager changes the officials of the area whose role is not above, and nobody else: not the other areas, not the
// manager's own account, not the auditors.
func TestOfficeBounds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	province := r.office(t, "langson", models.ProvinceManager, "20")
	nation := r.office(t, "nuoc", models.NationalManager, models.Nation)
	for login, o := range map[string]struct {
		role models.Role
		area models.Area
	}{
		"xa.nay": {models.Officer, "06325"}, "dong.nghiep": {models.ProvinceManager, "20"}, "xem.tinh": {models.Viewer, "20"},
		"soat.tinh": {models.Auditor, "20"}, "tinh.khac": {models.Officer, "79"}, "xem.nuoc": {models.Viewer, models.Nation},
		"nuoc.hai": {models.NationalManager, models.Nation},
	} {
		r.add(t, login, o.role, o.area)
	}
	for _, test := range []struct {
		office Office
		login  string
		want   string
	}{
		{province, "xa.nay", ""}, {province, "dong.nghiep", ""}, {province, "xem.tinh", ""},
		{province, "langson", "own_account"}, {province, "soat.tinh", "not_managed"},
		{province, "tinh.khac", "not_found"}, {province, "xem.nuoc", "not_found"}, {province, "nuoc", "not_found"}, {province, "$gt", "not_found"}, {province, "nobody", "not_found"},
		{nation, "xa.nay", ""}, {nation, "nuoc.hai", ""}, {nation, "xem.nuoc", ""}, {nation, "tinh.khac", ""},
		{nation, "nuoc", "own_account"}, {nation, "soat.tinh", "not_managed"},
	} {
		before, _ := r.store.Official(t.Context(), test.login)
		ctx := t.Context()
		_, invited := test.office.InviteAgain(ctx, test.login)
		for what, err := range map[string]error{
			"disable": test.office.Disable(ctx, test.login), "enable": test.office.Enable(ctx, test.login),
			"change": test.office.Change(ctx, test.login, models.Viewer, ""), "invite": invited,
		} {
			if got := codeOf(err); got != test.want {
				t.Errorf("%s: %s %s: got %q, want %q", test.office.by.Login, what, test.login, got, test.want)
			}
		}
		after, _ := r.store.Official(ctx, test.login)
		if diff := cmp.Diff(before, after); (diff == "") != (test.want != "") {
			t.Errorf("%s: %s was changed: %v", test.office.by.Login, test.login, diff != "")
		}
	}
}

// Nobody is appointed above the manager or outside the area, and nobody is moved there.
func TestOfficeGivesOnlyWhatItHas(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	province := r.office(t, "langson", models.ProvinceManager, "20")
	r.add(t, "xa.nay", models.Officer, "06325")
	for name, test := range map[string]struct {
		role models.Role
		area models.Area
		want []string
	}{
		"a commune":        {models.Officer, "05977", nil},
		"the province":     {models.ProvinceManager, "20", nil},
		"an auditor":       {models.Auditor, "20", []string{"/role role_not_yours"}},
		"above":            {models.NationalManager, models.Nation, []string{"/role role_not_yours", "/area area_out_of_scope"}},
		"another province": {models.Viewer, "79", []string{"/area area_out_of_scope"}},
		"the nation":       {models.Viewer, models.Nation, []string{"/area area_out_of_scope"}},
		"nowhere":          {models.Viewer, "99999", []string{"/area unknown_area"}},
		"nothing":          {"", "", []string{"/role unknown_option", "/area unknown_area"}},
	} {
		login := "moi." + strings.ReplaceAll(name, " ", ".")
		_, err := province.Invite(t.Context(), NewOfficial{Login: login, Name: "Mới", Role: test.role, Area: test.area})
		if diff := cmp.Diff(test.want, problemsOf(err)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if _, err := r.store.Official(t.Context(), login); (err == nil) != (test.want == nil) {
			t.Errorf("%s: kept: %v", name, err == nil)
		}
		if test.role != "" {
			if diff := cmp.Diff(test.want, problemsOf(province.Change(t.Context(), "xa.nay", test.role, test.area))); diff != "" {
				t.Errorf("moving to %s: %s", name, diff)
			}
			if err := r.officials.Operator().Change(t.Context(), "xa.nay", models.Officer, "06325"); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, err := province.Invite(t.Context(), NewOfficial{Login: "XA.NAY", Name: "Mới", Role: models.Viewer, Area: "20"})
	wantCode(t, "a taken login", err, models.Conflict, "conflict")
}

// The list holds the officials of the area and nobody else, in pages, and nothing that somebody could sign in with.
func TestOfficeList(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	province := r.office(t, "langson", models.ProvinceManager, "20")
	nation := r.office(t, "nuoc", models.NationalManager, models.Nation)
	r.add(t, "bacson.an", models.Officer, "06325")
	r.add(t, "bacson.binh", models.Viewer, "06325")
	r.add(t, "dongkinh", models.Officer, "05977")
	r.add(t, "saigon", models.Officer, "79")
	for name, test := range map[string]struct {
		office Office
		filter models.OfficialFilter
		want   string
	}{
		"province":          {province, models.OfficialFilter{}, "bacson.an bacson.binh dongkinh langson"},
		"commune":           {province, models.OfficialFilter{Area: "06325"}, "bacson.an bacson.binh"},
		"beginning":         {province, models.OfficialFilter{LoginPrefix: " BACSON.B"}, "bacson.binh"},
		"another province":  {province, models.OfficialFilter{Area: "79"}, ""},
		"nation":            {nation, models.OfficialFilter{}, "bacson.an bacson.binh dongkinh langson nuoc saigon"},
		"nation's province": {nation, models.OfficialFilter{Area: "79"}, "saigon"},
	} {
		var got []string
		for cursor, more := "", true; more; more = cursor != "" {
			var list []models.Official
			var err error
			if list, cursor, err = test.office.List(t.Context(), test.filter, models.Page{Limit: 2, Cursor: cursor}); err != nil {
				t.Fatal(err)
			}
			for _, o := range list {
				got = append(got, o.Login)
				if o.PasswordHash+o.TOTPSecret+o.SetupHash != "" {
					t.Errorf("%s: %s with credentials", name, o.Login)
				}
			}
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// What a manager did is in the audit with the manager's name, for the managers of the official's province.
func TestOfficeIsAudited(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	nation := r.office(t, "nuoc", models.NationalManager, models.Nation)
	r.add(t, "xa.nay", models.Officer, "06325")
	if err := nation.Disable(t.Context(), "xa.nay"); err != nil {
		t.Fatal(err)
	}
	for _, e := range r.owedAudit(t) {
		if e.Action == models.AuditDisableOfficial {
			e.ID = ""
			want := models.AuditEntry{
				At: r.now(), Action: models.AuditDisableOfficial, Official: "nuoc", Login: "nuoc", Role: models.NationalManager, Area: models.Nation, Province: "20",
				Detail: map[string]string{"login": "xa.nay", "role": "officer", "area": "06325"},
			}
			if diff := cmp.Diff(want, e); diff != "" {
				t.Error(diff)
			}
			return
		}
	}
	t.Error("nothing in the audit")
}
