package handlers

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rich is what a household has in the tests of bad input.
type rich struct {
	*world
	token, person, strange string
}

func newRich(t *testing.T, n int) *rich {
	t.Helper()
	r := &rich{world: newWorld(t)}
	r.token = r.signIn(phone(n))
	r.person = r.addSelf("Vũ Thị Hạnh")
	other := r.signIn(phone(n + 1))
	r.strange = r.world.person(other, "Hoàng Văn Tú", "self")
	return r
}

func (r *rich) addSelf(name string) string { return r.world.person(r.token, name, "self") }

// form is a good declaration with changes; nil takes a member away.
func (r *rich) form(changes object) object {
	out := object{"id": newID(r), "program": "covid19", "person_id": r.person, "answers": object{"fever": true}, "occurred_at": time.Now().Format(time.RFC3339)}
	maps.Copy(out, changes)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	return out
}

// stored counts everything the household has.
func (r *rich) stored() int {
	n := 0
	for _, path := range []string{"/v1/people", "/v1/declarations", "/v1/health-updates"} {
		n += len(r.want(http.StatusOK, r.call("GET", path, r.token, nil)).items(r))
	}
	return n
}

// Every wrong declaration gets a problem that names the field, and leaves nothing behind.
func TestBadDeclarations(t *testing.T) {
	t.Parallel()
	r := newRich(t, 30)
	before := r.stored()
	tests := map[string]struct {
		changes object
		want    map[string]string
	}{
		"unknown question":      {object{"answers": object{"nope": true}}, map[string]string{"/answers/nope": "unknown_question"}},
		"wrong type":            {object{"answers": object{"fever": "yes"}}, map[string]string{"/answers/fever": "wrong_type"}},
		"operator in an answer": {object{"answers": object{"fever": object{"$gt": ""}}}, map[string]string{"/answers/fever": "wrong_type"}},
		"unknown option":        {object{"answers": object{"contact_case": "maybe"}}, map[string]string{"/answers/contact_case": "unknown_option"}},
		"beyond int64":          {object{"answers": object{"fever": jsonNumber("99999999999999999999")}}, map[string]string{"/answers/fever": "wrong_type"}},
		"no answers":            {object{"answers": nil}, map[string]string{"/answers": "required"}},
		"answers are no object": {object{"answers": []string{"fever"}}, map[string]string{"/answers": "wrong_type"}},
		"date after the day":    {object{"program": "dengue", "answers": object{"fever": true, "onset": time.Now().AddDate(0, 0, 2).Format(time.DateOnly)}}, map[string]string{"/answers/onset": "out_of_bounds"}},
		"date too long before":  {object{"program": "dengue", "answers": object{"fever": true, "onset": time.Now().AddDate(0, 0, -62).Format(time.DateOnly)}}, map[string]string{"/answers/onset": "out_of_bounds"}},
		"unknown program":       {object{"program": "plague"}, map[string]string{"/program": "unknown_program"}},
		"no program":            {object{"program": nil}, map[string]string{"/program": "required"}},
		"unknown version":       {object{"program_version": 99}, map[string]string{"/program_version": "version_not_valid"}},
		"version beyond int64":  {object{"program_version": jsonNumber("1e30")}, map[string]string{"/program_version": "wrong_type"}},
		"future":                {object{"occurred_at": time.Now().Add(time.Hour).Format(time.RFC3339)}, map[string]string{"/occurred_at": "in_future"}},
		"too old":               {object{"occurred_at": time.Now().AddDate(0, 0, -15).Format(time.RFC3339)}, map[string]string{"/occurred_at": "too_old"}},
		"year 1":                {object{"occurred_at": "0001-01-01T00:00:00Z"}, map[string]string{"/occurred_at": "too_old"}},
		"no time":               {object{"occurred_at": "yesterday"}, map[string]string{"/occurred_at": "bad_time"}},
		"another household":     {object{"person_id": r.strange}, map[string]string{"/person_id": "unknown_person"}},
		"NUL in an id":          {object{"person_id": "a\x00b"}, map[string]string{"/person_id": "bad_id"}},
		"operator as person":    {object{"person_id": object{"$ne": nil}}, map[string]string{"/person_id": "wrong_type"}},
		"no UUIDv7":             {object{"id": "1234"}, map[string]string{"/id": "not_uuidv7"}},
		"no id":                 {object{"id": nil}, map[string]string{"/id": "required"}},
		"unknown member":        {object{"level": "none"}, map[string]string{"/level": "unknown_field"}},
		"member with a slash":   {object{"a/b~c": 1}, map[string]string{"/a~1b~0c": "unknown_field"}},
		"everything wrong at once": {
			object{"id": 5, "program_version": "x", "person_id": object{"$gt": ""}, "answers": object{"nope": 1, "fever": 3}, "occurred_at": "x", "more": 1},
			map[string]string{
				"/id": "wrong_type", "/program_version": "wrong_type", "/person_id": "wrong_type", "/answers/nope": "unknown_question",
				"/answers/fever": "wrong_type", "/occurred_at": "bad_time", "/more": "unknown_field",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := r.call("POST", "/v1/declarations", r.token, r.form(test.changes))
			if got.status != http.StatusUnprocessableEntity {
				t.Fatalf("got %d: %s", got.status, got.body)
			}
			diff(t, "fields", got.wrong(t), test.want)
			repeated := r.call("POST", "/v1/health-updates", r.token, r.form(test.changes))
			if repeated.status != http.StatusUnprocessableEntity {
				t.Errorf("as a health update: got %d: %s", repeated.status, repeated.body)
			}
		})
	}
	if after := r.stored(); after != before {
		t.Errorf("%d things are stored, were %d", after, before)
	}
}

func TestBadHealthUpdates(t *testing.T) {
	t.Parallel()
	r := newRich(t, 32)
	got := r.want(http.StatusUnprocessableEntity, r.call("POST", "/v1/health-updates", r.token, r.form(object{
		"answers": object{"temperature": 99.5, "spo2": jsonNumber("123456789012345678901234567890"), "pulse": 71.5},
	})))
	wrong := got.wrong(t)
	for field, code := range map[string]string{"/answers/temperature": "out_of_bounds", "/answers/pulse": "wrong_type"} {
		if wrong[field] != code {
			t.Errorf("%s: got %q, want %q", field, wrong[field], code)
		}
	}
	if wrong["/answers/spo2"] == "" {
		t.Error("a number beyond int64 passed")
	}
	if strings.Contains(string(got.body), "99.5") || strings.Contains(string(got.body), "1234567890") {
		t.Errorf("what was typed is repeated: %s", got.body)
	}
}

// jsonNumber is written as it is.
type jsonNumber string

func (n jsonNumber) MarshalJSON() ([]byte, error) { return []byte(n), nil }

func TestBadPeople(t *testing.T) {
	t.Parallel()
	r := newRich(t, 34)
	before := r.stored()
	tests := map[string]struct {
		changes object
		want    map[string]string
	}{
		"NUL in a name":          {object{"name": "Nguyễn\x00An"}, map[string]string{"/name": "forbidden_characters"}},
		"bidi in a name":         {object{"name": "Nguyễn \u202eAn"}, map[string]string{"/name": "forbidden_characters"}},
		"operator as name":       {object{"name": object{"$gt": ""}}, map[string]string{"/name": "wrong_type"}},
		"operators everywhere":   {everyField(object{"$gt": ""}), wrongEverywhere("wrong_type")},
		"lists everywhere":       {everyField([]any{}), wrongEverywhere("wrong_type")},
		"numbers everywhere":     {everyField(1e300), wrongEverywhere("wrong_type")},
		"born tomorrow":          {object{"birth_date": time.Now().AddDate(0, 0, 2).Format(time.DateOnly)}, map[string]string{"/birth_date": "bad_birth_date"}},
		"born on 30 February":    {object{"birth_date": "1999-02-30"}, map[string]string{"/birth_date": "bad_birth_date"}},
		"year only":              {object{"birth_date": "1999"}, map[string]string{"/birth_date": "bad_birth_date"}},
		"unknown sex":            {object{"sex": "x"}, map[string]string{"/sex": "unknown_option"}},
		"unknown relationship":   {object{"relationship": "cat"}, map[string]string{"/relationship": "unknown_option"}},
		"a second owner":         {object{"relationship": "self"}, map[string]string{"/relationship": "self_exists"}},
		"unknown commune":        {object{"area": object{"commune": "99999"}}, map[string]string{"/area/commune": "unknown_area"}},
		"commune is an operator": {object{"area": object{"commune": object{"$ne": 1}}}, map[string]string{"/area/commune": "wrong_type"}},
		"area without commune":   {object{"area": object{}}, map[string]string{"/area/commune": "required"}},
		"bad identity number":    {object{"national_id": "12"}, map[string]string{"/national_id": "bad_national_id"}},
		"id is no UUIDv7":        {object{"id": "0193585c-7a10-4cc3-8a49-4f1d7f6f0b01"}, map[string]string{"/id": "not_uuidv7"}},
		"nothing at all": {
			object{"name": nil, "birth_date": nil, "sex": nil, "relationship": nil},
			map[string]string{"/name": "required", "/birth_date": "required", "/sex": "required", "/relationship": "required"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := object{"name": "Ngô Thị An", "birth_date": "1990-01-02", "sex": "female", "relationship": "child"}
			maps.Copy(in, test.changes)
			got := r.call("POST", "/v1/people", r.token, in)
			if got.status != http.StatusUnprocessableEntity {
				t.Fatalf("got %d: %s", got.status, got.body)
			}
			diff(t, "fields", got.wrong(t), test.want)
		})
	}
	if after := r.stored(); after != before {
		t.Errorf("%d things are stored, were %d", after, before)
	}
}

func everyField(value any) object {
	out := object{}
	for _, name := range []string{"id", "name", "birth_date", "sex", "relationship", "national_id", "address"} {
		out[name] = value
	}
	return out
}

func wrongEverywhere(code string) map[string]string {
	out := map[string]string{}
	for name := range everyField(nil) {
		out["/"+name] = code
	}
	return out
}

// Bodies that cannot be read at all are refused as such, at every route that takes one.
func TestUnreadableBodies(t *testing.T) {
	t.Parallel()
	r := newRich(t, 36)
	before := r.stored()
	deep := strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20)
	tests := map[string]struct {
		body   string
		header string
		want   int
	}{
		"empty":             {"", "application/json", http.StatusBadRequest},
		"cut off":           {`{"id":`, "application/json", http.StatusBadRequest},
		"trailing data":     {`{} {}`, "application/json", http.StatusBadRequest},
		"a list":            {`[]`, "application/json", http.StatusBadRequest},
		"null":              {`null`, "application/json", http.StatusBadRequest},
		"deep":              {deep, "application/json", http.StatusBadRequest},
		"very deep":         {strings.Repeat("[", 60000), "application/json", http.StatusBadRequest},
		"a name twice":      {`{"id":"a","id":"b"}`, "application/json", http.StatusBadRequest},
		"an answer twice":   {`{"answers":{"fever":true,"fever":false}}`, "application/json", http.StatusBadRequest},
		"invalid UTF-8":     {"{\"id\":\"\xff\"}", "application/json", http.StatusBadRequest},
		"a lone surrogate":  {`{"id":"\ud800"}`, "application/json", http.StatusBadRequest},
		"not a number":      {`{"id":NaN}`, "application/json", http.StatusBadRequest},
		"no JSON":           {`id=1`, "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType},
		"no type":           {`{}`, "", http.StatusUnsupportedMediaType},
		"another charset":   {`{}`, "application/json; charset=utf-16", http.StatusUnsupportedMediaType},
		"a charset, quoted": {`{}`, `application/json; charset="UTF-8"`, http.StatusUnprocessableEntity},
	}
	for _, path := range []string{"POST /v1/declarations", "POST /v1/people", "POST /v1/sync", "PUT /v1/devices/d", "PUT /v1/consents/news", "PUT /v1/me/pin", "POST /v1/auth/otp", "POST /v1/official/login"} {
		method, path, _ := strings.Cut(path, " ")
		for name, test := range tests {
			if got := r.call(method, path, r.token, test.body, "Content-Type", test.header); got.status != test.want {
				t.Errorf("%s at %s: got %d, want %d: %s", name, path, got.status, test.want, got.body)
			}
		}
		large := fmt.Sprintf(`{"id":%q}`, strings.Repeat("a", 2<<20))
		if got := r.call(method, path, r.token, large); got.status != http.StatusRequestEntityTooLarge {
			t.Errorf("2 MB at %s: got %d", path, got.status)
		}
	}
	if after := r.stored(); after != before {
		t.Errorf("%d things are stored, were %d", after, before)
	}
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	r := newRich(t, 38)
	official := r.official("tra.cuu", "national_manager", "VN")
	tests := map[string]struct {
		token, path string
		want        map[string]string
	}{
		"level":    {official, "/v1/cases?level=high,huge", map[string]string{"level": "unknown_option"}},
		"status":   {official, "/v1/cases?status=lost", map[string]string{"status": "unknown_option"}},
		"program":  {official, "/v1/cases?program=plague", map[string]string{"program": "unknown_program"}},
		"area":     {official, "/v1/cases?area=1234", map[string]string{"area": "unknown_area"}},
		"since":    {official, "/v1/cases?since=today", map[string]string{"since": "bad_time"}},
		"overdue":  {official, "/v1/cases?overdue=yes", map[string]string{"overdue": "unknown_option"}},
		"cursor":   {official, "/v1/cases?cursor=abc", map[string]string{"cursor": "bad_value"}},
		"operator": {official, "/v1/cases?factor[$ne]=x&factor=%7B%22%24gt%22%3A%22%22%7D", map[string]string{"factor": "bad_value", "factor[$ne]": "unknown_parameter"}},
		"hidden":   {official, "/v1/cases?q=a%00b", map[string]string{"q": "forbidden_characters"}},
		"several":  {official, "/v1/cases?level=x&limit=y&missed=z", map[string]string{"level": "unknown_option", "limit": "limit", "missed": "unknown_option"}},
		"numbers":  {official, "/v1/stats/declarations?from=2026-02-30", map[string]string{"program": "required", "from": "bad_date"}},
		"backward": {official, "/v1/stats/declarations?program=covid19&from=2026-02-03&to=2026-02-01", map[string]string{"from": "bad_value"}},
		"too long": {official, "/v1/stats/declarations?program=covid19&from=2020-02-03&to=2026-02-01", map[string]string{"from": "too_early"}},
		"own list": {r.token, "/v1/declarations?cursor=%24", map[string]string{"cursor": "bad_value"}},
		"person":   {r.token, "/v1/declarations?person_id=%24ne", map[string]string{"person_id": "bad_value"}},
		"parent":   {"", "/v1/areas?parent=99", map[string]string{"parent": "unknown_area"}},
		"version":  {"", "/v1/programs/covid19?version=0", map[string]string{"version": "bad_value"}},
		"misspelt": {official, "/v1/cases?levle=high&level=x&overdu=true", map[string]string{"levle": "unknown_parameter", "level": "unknown_option", "overdu": "unknown_parameter"}},
		"empty":    {official, "/v1/cases?status=&overdue=&area=", map[string]string{"status": "required", "overdue": "required", "area": "required"}},
		"none":     {r.token, "/v1/people?limit=5", map[string]string{"limit": "unknown_parameter"}},
		"action":   {r.official("kiem.toan", "auditor", "VN"), "/v1/audit?action=reveal,peek", map[string]string{"action": "unknown_option"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := r.call("GET", test.path, test.token, nil)
			if got.status != http.StatusBadRequest {
				t.Fatalf("got %d: %s", got.status, got.body)
			}
			diff(t, "parameters", got.wrong(t), test.want)
		})
	}
	for _, limit := range []string{"-5", "0", "1", "200", "100000"} {
		r.want(http.StatusOK, r.call("GET", "/v1/declarations?limit="+limit, r.token, nil))
	}
}
