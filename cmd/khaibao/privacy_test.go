package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
	"golang.org/x/text/unicode/norm"

	"khaibao/internal/areas"
	"khaibao/internal/store"
)

// TestNothingInClear enters somebody with values that are nowhere else, works on the case, and looks for the values in
// the raw files and in every document.
func TestNothingInClear(t *testing.T) {
	t.Parallel()
	for name, flags := range demoStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := flags(t)
			settings.households, settings.Programs = 20, "testdata/programs"
			d := openDemo(t, settings)
			kept, secrets := d.enterSecrets()
			d.entered()
			if settings.Store == "" {
				searchFiles(t, filepath.Join(settings.Data, "store"), kept, secrets) // the log of what is not in the database file yet, too
			}
			d.stop(t)
			if settings.Store == "" {
				searchFiles(t, filepath.Join(settings.Data, "store"), kept, secrets)
				searchDocuments(t, "sqlite:"+filepath.Join(settings.Data, "store"), kept, secrets)
			} else {
				searchDatabase(t, settings.Store, kept, secrets)
			}
		})
	}
}

// enterSecrets goes through everything that takes personal data. It gives what must not be found anywhere, by what it
// is, and an id that must be found, so that the search is known to work.
func (d *runningDemo) enterSecrets() (kept string, secrets map[string]string) {
	d.Helper()
	secrets = map[string]string{
		"phone": "+84987654321", "name": "Đoàn Thị Ngọc Trâm", "birth date": "1991-07-13", "identity number": "020191775533",
		"address": "Ngõ 47 đường Hoa Sứ Trắng", "push token": "push-Kx83hdW0qLzB41", "note": "Chị bán hàng ở chợ Tam Thanh",
		"reveal reason": "xác minh đợt tiêm bị sót", "assessment reason": "khám thấy sẩn hồng ban", "earlier assessment reason": "mới xem ảnh chụp vùng cổ", "answer": "vừa về từ đám cưới em gái",
		"broadcast": "Phun thuốc ở ngõ Hoa Ban chiều thứ Ba",
	}
	me, code := d.signIn(secrets["phone"])
	secrets["one-time code"], secrets["access token"], secrets["refresh token"] = code, me.Access, me.Refresh
	d.want(http.StatusOK, "PUT", "/v1/devices/my-phone", me.Access, map[string]any{"token": secrets["push token"], "platform": "android", "locale": "vi"})
	var person struct {
		ID string `json:"id"`
	}
	d.want(http.StatusCreated, "POST", "/v1/people", me.Access, map[string]any{
		"name": secrets["name"], "birth_date": secrets["birth date"], "sex": "female", "national_id": secrets["identity number"],
		"relationship": "self", "area": map[string]any{"commune": "06325"}, "address": secrets["address"],
	}).into(d.T, &person)
	kept = uuid7(d.T)
	d.want(http.StatusCreated, "POST", "/v1/declarations", me.Access, map[string]any{
		"id": kept, "program": "rash", "person_id": person.ID, "occurred_at": time.Now().UTC(),
		"answers": map[string]any{"rash": true, "remark": secrets["answer"]},
	})
	d.workOnSecrets(secrets)
	sms := d.received(secrets["phone"], "sms")
	secrets["SMS"] = sms[len(sms)-1].Text
	for _, o := range d.file.Officials {
		secrets["password of "+o.Login], secrets["TOTP secret of "+o.Login] = o.Password, o.TOTPSecret
	}
	return kept, secrets
}

// workOnSecrets finds the case by each sealed value, then notes, assesses and reveals.
func (d *runningDemo) workOnSecrets(secrets map[string]string) {
	d.Helper()
	officer := d.official("bacson")
	var flagged caseItem
	for _, q := range []string{secrets["phone"], "0987 654 321", secrets["identity number"], "doan thi ngoc tram"} {
		d.eventually("the case is found", func() bool {
			found := d.cases(officer, url.Values{"q": {q}})
			if len(found) == 1 {
				flagged = found[0]
			}
			return len(found) == 1
		})
	}
	d.want(http.StatusOK, "PATCH", "/v1/cases/"+flagged.ID, officer, map[string]any{
		"assessment": map[string]any{"level": "moderate", "reason": secrets["earlier assessment reason"]},
	})
	d.want(http.StatusOK, "PATCH", "/v1/cases/"+flagged.ID, officer, map[string]any{
		"status": "contacted", "note": secrets["note"], "assessment": map[string]any{"level": "high", "reason": secrets["assessment reason"]},
	})
	d.want(http.StatusOK, "POST", "/v1/cases/"+flagged.ID+"/reveal", officer, map[string]any{"reason": secrets["reveal reason"]})
	d.eventually("the push arrives", func() bool { return len(d.received(secrets["phone"], "push")) > 0 })
	d.broadcast(map[string]any{"area": "06325", "purpose": "alert", "text": map[string]any{"vi": secrets["broadcast"]}})
}

// broadcast has the manager of Lạng Sơn write to an area, and waits until everybody there has it.
func (d *runningDemo) broadcast(draft map[string]any) {
	d.Helper()
	manager := d.official("langson")
	var b struct {
		ID, Status string
		Recipients int64
		Progress   *struct{ Done int64 }
	}
	d.want(http.StatusCreated, "POST", "/v1/broadcasts", manager, draft).into(d.T, &b)
	d.want(http.StatusOK, "POST", "/v1/broadcasts/"+b.ID+"/start", manager, nil)
	d.eventually("the broadcast is done", func() bool {
		d.want(http.StatusOK, "GET", "/v1/broadcasts/"+b.ID, manager, nil).into(d.T, &b)
		return b.Status == "done"
	})
	if b.Recipients == 0 || b.Progress.Done != b.Recipients {
		d.Errorf("%d of %d households have it", b.Progress.Done, b.Recipients)
	}
}

// forms gives the ways in which a value could stand in a file: as it is, in another normal form, without diacritics or
// signs, escaped in JSON, in hexadecimal, or anywhere within something in base64.
func forms(value string) [][]byte {
	variants := []string{value, norm.NFD.String(value), areas.Fold(value)}
	if strings.HasPrefix(value, "+84") {
		local := value[3:]
		variants = append(variants, value[1:], "0"+local, local, "0"+local[:3]+" "+local[3:6]+" "+local[6:])
	}
	var out [][]byte
	for _, v := range variants {
		escaped := regexp.MustCompile(`[^\x00-\x7f]`).ReplaceAllStringFunc(v, func(r string) string { return fmt.Sprintf(`\u%04x`, []rune(r)[0]) })
		out = append(out, []byte(v), []byte(escaped), []byte(hex.EncodeToString([]byte(v))), []byte(strings.ToUpper(hex.EncodeToString([]byte(v)))))
		if len(v) > 6 { // a one-time code is too short to stand in base64 by more than chance
			out = append(out, inBase64(v)...)
		}
	}
	return out
}

// inBase64 gives what of a value is the same in any base64 that contains it, for each place that it can begin at.
func inBase64(v string) [][]byte {
	var out [][]byte
	for shift := range 3 {
		whole := append(make([]byte, shift), v...)
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := encoding.EncodeToString(whole)
			out = append(out, []byte(text[(shift*8+5)/6:len(whole)*8/6]))
		}
	}
	return out
}

// search looks for values in the bytes of one place, and gives what it found.
func search(content []byte, secrets map[string]string) (found []string) {
	for what, value := range secrets {
		for _, form := range forms(value) {
			if standsIn(content, form) {
				found = append(found, fmt.Sprintf("%s (%q)", what, form))
			}
		}
	}
	return found
}

// standsIn tells whether a value is somewhere; digits only count where the number begins and ends with them, for the
// milliseconds of a time can hold any six.
func standsIn(content, value []byte) bool {
	digit := func(i int) bool { return i >= 0 && i < len(content) && content[i] >= '0' && content[i] <= '9' }
	number := len(bytes.Trim(value, "0123456789")) == 0
	for from := 0; ; {
		i := bytes.Index(content[from:], value)
		if i < 0 {
			return false
		}
		i += from
		if !number || (!digit(i-1) && !digit(i+len(value))) {
			return true
		}
		from = i + 1
	}
}

func searchFiles(t *testing.T, dir, kept string, secrets map[string]string) {
	t.Helper()
	var all int
	worked := false
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all += len(content)
		worked = worked || len(search(content, map[string]string{"id": kept})) > 0
		if found := search(content, secrets); len(found) > 0 {
			t.Errorf("%s holds in clear: %v", entry.Name(), found)
		}
		return err
	})
	if err != nil || !worked {
		t.Errorf("in %d bytes the search does not find what is there (%v)", all, err)
	}
}

// searchDocuments reads whole documents, which a file may hold in pieces.
func searchDocuments(t *testing.T, address, kept string, secrets map[string]string) {
	t.Helper()
	engine := reopen(t, address)
	worked := false
	for _, collection := range store.Collections() {
		everyDocument(t, engine, collection.Name, func(raw store.Raw) error {
			var whole json.RawMessage
			if err := raw.Decode(&whole); err != nil {
				return err
			}
			worked = worked || len(search(whole, map[string]string{"id": kept})) > 0
			if found := search(whole, secrets); len(found) > 0 {
				t.Errorf("%s holds in clear: %v", collection.Name, found)
			}
			return nil
		})
	}
	if err := engine.Close(context.Background()); err != nil || !worked {
		t.Errorf("the search does not find what is there (%v)", err)
	}
}

// searchDatabase reads every document of every collection of a MongoDB database, in BSON and as extended JSON.
func searchDatabase(t *testing.T, address, kept string, secrets map[string]string) {
	t.Helper()
	ctx := t.Context()
	parsed, err := connstring.ParseAndValidate(address)
	if err != nil {
		t.Fatal(err)
	}
	client, err := driver.Connect(options.Client().ApplyURI(address))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Disconnect(context.Background())
	db := client.Database(parsed.Database)
	names, err := db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	worked := false
	for _, name := range names {
		cursor, err := db.Collection(name).Find(ctx, bson.D{})
		if err != nil {
			t.Fatal(err)
		}
		for cursor.Next(ctx) {
			text, err := bson.MarshalExtJSON(cursor.Current, false, false)
			if err != nil {
				t.Fatal(err)
			}
			whole := append(bytes.Clone(cursor.Current), text...)
			worked = worked || len(search(whole, map[string]string{"id": kept})) > 0
			if found := search(whole, secrets); len(found) > 0 {
				t.Errorf("%s holds in clear: %v", name, found)
			}
		}
		if err := cursor.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if !worked {
		t.Errorf("in %v the search does not find what is there", names)
	}
}

// The search finds a value in every form that it claims to know.
func TestSearchFinds(t *testing.T) {
	t.Parallel()
	const name = "Đoàn Thị Ngọc Trâm"
	for _, content := range []string{
		name, "x" + norm.NFD.String(name) + "y", `"doan thi ngoc tram"`, `"\u0110o\u00e0n Th\u1ecb Ng\u1ecdc Tr\u00e2m"`,
		hex.EncodeToString([]byte("ab" + name)), base64.StdEncoding.EncodeToString([]byte("a" + name + "b")),
		base64.URLEncoding.EncodeToString([]byte("ab" + name)), base64.StdEncoding.EncodeToString([]byte("abc" + name)),
	} {
		if len(search([]byte(content), map[string]string{"name": name})) == 0 {
			t.Errorf("not found in %q", content)
		}
	}
	for content, want := range map[string]bool{"to 0987654321.": true, "84987654321": true, "0987 654 321": true, "109876543210": false} {
		if got := len(search([]byte(content), map[string]string{"phone": "+84987654321"})) > 0; got != want {
			t.Errorf("phone in %q: %v, want %v", content, got, want)
		}
	}
}
