package console

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"khaibao/models"
)

var numberLink = regexp.MustCompile(`<a class="value" href="(/console/cases[^"]*)">([^<]+)</a>`)

// Every number of the overview that leads to a list is as long as the list, and the areas below are those of the scope.
func TestOverview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	w.declared("Lý Văn Minh", dongKinh, map[string]any{"chest_pain": true})
	w.declared("Trần Thị Xa", "00004", map[string]any{"fever": true})
	for login, want := range map[string]struct {
		role models.Role
		area models.Area
		all  string
	}{"xa.nay": {models.Officer, bacSon, "1"}, "tinh.ls": {models.ProvinceManager, langSon, "2"}, "nuoc": {models.Viewer, models.Nation, "3"}} {
		b := w.official(login, want.role, want.area)
		page := b.want(http.StatusOK, b.get("/console/overview"))
		links := numberLink.FindAllStringSubmatch(page.body, -1)
		if len(links) != 3 || links[0][2] != want.all {
			t.Errorf("%s: the numbers are %v", login, links)
		}
		for _, link := range links {
			if n := len(b.get(strings.ReplaceAll(link[1], "&amp;", "&")).ids()); itoa(n) != link[2] {
				t.Errorf("%s: %s says %s and lists %d", login, link[1], link[2], n)
			}
		}
		if lists := strings.Contains(page.body, "Hà Nội"); lists != (want.area == models.Nation) {
			t.Errorf("%s sees Hà Nội: %v", login, lists)
		}
	}
}

// An official's words reach the outbox once, and the timeline says that they did.
func TestMessageToCitizen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.declared("Nông Thị Lan", bacSon, map[string]any{"fever": true})
	b := w.official("an.nguyen", models.Officer, bacSon)
	path := "/console/cases/" + b.get("/console/cases").ids()[0]
	has(t, "sent", b.follow(b.submit(path+"/message", "text", "Mai 8 giờ mời đến trạm.")), "Đã gửi tin nhắn")
	b.want(http.StatusUnprocessableEntity, b.submit(path+"/message", "text", " "))
}
