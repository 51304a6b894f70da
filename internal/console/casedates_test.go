package console

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"khaibao/models"
)

// A level that an earlier declaration set carries that one's time, on the case and on the referral; the newest stands
// apart with its own.
func TestCaseTellsDeclarationsApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	exact := func() string { return words{w.Texts, models.Vietnamese}.exact(w.Clock.Now()) }
	citizen, person := w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	w.Clock.Forward(time.Hour)
	set := exact()
	w.declare(citizen, person, models.FormDaily, map[string]any{"temperature": 38.9, "chest_pain": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	alone := b.want(http.StatusOK, b.get(path))
	has(t, "the level is of the newest", alone, "Theo khai báo lúc "+set)
	hasNot(t, "the level is of the newest", alone, `id="newest"`)

	w.Clock.Forward(4 * 24 * time.Hour)
	newest := exact()
	w.declare(citizen, person, models.FormDaily, map[string]any{"temperature": 37.2, "spo2": 92})
	got := b.want(http.StatusOK, b.get(path))
	why := between(t, got, `<section aria-labelledby="why">`, "</section>")
	behind, apart, found := strings.Cut(why, `id="newest"`)
	if !found {
		t.Fatalf("the newest declaration does not stand apart: %s", why)
	}
	for what, texts := range map[string][]string{behind: {"Theo khai báo lúc " + set, "Hôm nay có sốt.", "38,9"}, apart: {newest, "Nguy cơ cao", "dưới 94%", "37,2"}} {
		for _, text := range texts {
			if !strings.Contains(what, text) {
				t.Errorf("no %q in %s", text, what)
			}
		}
	}
	if strings.Contains(behind, "37,2") || strings.Contains(apart, "38,9") {
		t.Errorf("the answers of two declarations are mixed: %s", why)
	}

	note := b.want(http.StatusOK, b.submit(path+"/referral", "to", "Trung tâm Y tế Bắc Sơn", "reason", "SpO2 thấp"))
	level := between(t, note, "<dt>Mức", "</dd>")
	if !strings.Contains(level, "Khẩn cấp") || !strings.Contains(level, set) || strings.Contains(level, newest) {
		t.Errorf("the referral's level is %s, want that of %s", level, set)
	}
	has(t, "the referral", note, "Câu trả lời chính, khai báo lúc "+set, "Khai báo mới nhất: "+newest+" · Nguy cơ cao")
}

// between is the part of a page that begins with a text and ends before another.
func between(t *testing.T, p page, from, to string) string {
	t.Helper()
	found := regexp.MustCompile("(?s)" + regexp.QuoteMeta(from) + "(.*?)" + regexp.QuoteMeta(to)).FindStringSubmatch(p.body)
	if found == nil {
		t.Fatalf("nothing from %q to %q in %s", from, to, p.words())
	}
	return found[1]
}
