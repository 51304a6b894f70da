package console

import (
	"html"
	"image"
	"image/color"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/pquerna/otp/totp"

	"khaibao/internal/auth"
	"khaibao/models"
)

var setUpLink = regexp.MustCompile(`class="set-up-link"[^>]*>https://khaibao\.test(/console/set-up/[^<]+)<`)

// linkOf is the path of the set-up link that a page shows.
func (b *browser) linkOf(got page) string {
	b.Helper()
	found := setUpLink.FindStringSubmatch(b.want(http.StatusOK, got).body)
	if found == nil {
		b.Fatalf("no link: %s", got.words())
	}
	return found[1]
}

var (
	qrPath = regexp.MustCompile(`<svg class="qr" viewBox="0 0 (\d+) \d+".*?<path d="([^"]+)"`)
	qrRun  = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-\d+z`)
)

// secretOf reads the QR code of a page as a phone's camera does.
func (b *browser) secretOf(got page) string {
	b.Helper()
	found := qrPath.FindStringSubmatch(got.body)
	if found == nil {
		b.Fatalf("no QR code: %s", got.body)
	}
	size, _ := strconv.Atoi(found[1])
	const scale = 4
	picture := image.NewGray(image.Rect(0, 0, size*scale, size*scale))
	for i := range picture.Pix {
		picture.Pix[i] = 255
	}
	for _, run := range qrRun.FindAllStringSubmatch(found[2], -1) {
		var n [3]int
		for i := range n {
			n[i], _ = strconv.Atoi(run[i+1])
		}
		for x := n[0] * scale; x < (n[0]+n[2])*scale; x++ {
			for y := n[1] * scale; y < (n[1]+1)*scale; y++ {
				picture.SetGray(x, y, color.Gray{})
			}
		}
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	must(b, err)
	read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	must(b, err)
	u, err := url.Parse(read.GetText())
	must(b, err)
	secret := u.Query().Get("secret")
	if u.Scheme != "otpauth" || u.Host != "totp" || secret == "" {
		b.Fatalf("the QR code says %s", read.GetText())
	}
	shown := space.ReplaceAllString(regexp.MustCompile(`<code class="secret">([^<]+)`).FindStringSubmatch(got.body)[1], "")
	diff(b, "the secret as text", shown, secret)
	return secret
}

func (b *browser) codeOf(secret string) string {
	b.Helper()
	code, err := totp.GenerateCode(secret, b.SignIn.Now())
	must(b, err)
	return code
}

// A manager adds an official and hands the link over; the official sets up with the QR code's secret and is in; the manager
// sees that, and disables the official, who is out at once. The link's token is in no log.
func TestOfficialFromLinkToDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.official("tinh.ls", models.ProvinceManager, langSon)
	has(t, "the page", manager.want(http.StatusOK, manager.get("/console/officials")), "Cán bộ tinh.ls", "Quản lý cấp tỉnh")
	link := manager.linkOf(manager.submit("/console/officials", "name", "Nông Thị Mới", "login", "Xa.Moi", "role", "officer", "area", bacSon))
	has(t, "waiting", manager.get("/console/officials?login=xa."), "Nông Thị Mới", "chờ kích hoạt", "chưa lần nào")

	official := w.browser()
	shown := official.want(http.StatusOK, official.get(link))
	if got := shown.header.Get("Referrer-Policy"); got != "strict-origin" {
		t.Errorf("the link goes along: Referrer-Policy %q", got)
	}
	secret := official.secretOf(shown)
	const password = "ba con mèo đen"
	wrong := official.want(http.StatusUnprocessableEntity, official.post(link, url.Values{"password": {password}, "again": {"ba con mèo"}, "totp": {"abcdef"}}))
	has(t, "what is wrong", wrong, "Nhập lại mật khẩu: Hai lần nhập không giống nhau.", "Mã 6 chữ số trong ứng dụng: Mã không đúng.")
	diff(t, "the secret after a mistake", official.secretOf(wrong), secret)
	if strings.Contains(wrong.body, password) {
		t.Error("the password stands in the page")
	}
	in := official.follow(official.post(link, url.Values{"password": {password}, "again": {password}, "totp": {official.codeOf(secret)}}))
	has(t, "signed in", in, "Tài khoản đã sẵn sàng", "Xã Bắc Sơn", "Nông Thị Mới")
	has(t, "the link again", w.browser().want(http.StatusNotFound, w.browser().get(link)), "Đường dẫn không còn hiệu lực")

	fresh := w.browser()
	fresh.given = auth.Credentials{Official: models.Official{Login: "xa.moi"}, Password: password, TOTPSecret: secret}
	fresh.want(http.StatusSeeOther, fresh.post("/console/sign-in", fresh.credentials()))

	has(t, "the official's page", manager.follow(manager.submit("/console/officials/xa.moi/disable")), "Đã khóa tài khoản", "bị khóa từ")
	for _, b := range []*browser{official, fresh} {
		b.want(http.StatusSeeOther, b.get("/console/cases"))
	}
	has(t, "signing in", fresh.want(http.StatusUnauthorized, fresh.post("/console/sign-in", fresh.credentials())), "không đúng")
	manager.follow(manager.submit("/console/officials/xa.moi/enable"))
	fresh.want(http.StatusSeeOther, fresh.post("/console/sign-in", fresh.credentials()))

	anew := manager.linkOf(manager.submit("/console/officials/xa.moi/link"))
	fresh.want(http.StatusSeeOther, fresh.get("/console/cases"))
	has(t, "moved", manager.follow(manager.submit("/console/officials/xa.moi/move", "role", "viewer", "area", langSon)), "Đã đổi vai trò", "Người xem")
	w.Settle(t)
	has(t, "the audit", manager.get("/console/audit"), "Thêm cán bộ", "Tự kích hoạt tài khoản", "Khóa cán bộ", "xa.moi · Cán bộ y tế · Xã Bắc Sơn")
	for _, secret := range []string{link[len("/console/set-up/xa.moi/"):], anew[len("/console/set-up/xa.moi/"):], password, secret} {
		if strings.Contains(w.Logged.String(), secret) {
			t.Error("a secret of the set-up is in the log")
		}
	}
}

// What is wrong with a new official is said field by field, what was typed stays, and nobody is kept.
func TestAddOfficialProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.official("tinh.ls", models.ProvinceManager, langSon)
	got := manager.want(http.StatusUnprocessableEntity, manager.submit("/console/officials", "name", "Nông Thị Mới", "login", "x", "role", "national_manager", "area", "99999"))
	has(t, "named", got, "Tên đăng nhập: Dài tối thiểu 3 ký tự.", "Khu vực: Không có địa bàn với mã này.")
	if !strings.Contains(got.body, `value="Nông Thị Mới"`) {
		t.Error("the name is lost")
	}
	taken := manager.submit("/console/officials", "name", "Khác", "login", "tinh.ls", "role", "viewer", "area", langSon)
	has(t, "taken", manager.want(http.StatusUnprocessableEntity, taken), "Tên đăng nhập này đã có người dùng")
	above := manager.submit("/console/officials", "name", "Khác", "login", "trung.uong", "role", "national_manager", "area", "VN")
	has(t, "above", manager.want(http.StatusUnprocessableEntity, above), "Bạn không được cấp vai trò này", "không thuộc phạm vi")
	list, err := w.Officials.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("%d officials, %v", len(list), err)
	}
}

// Officials of another area are not there for a manager, in no page and in no action; what is above or one's own is refused
// with a reason.
func TestOfficialsScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.official("tinh.ls", models.ProvinceManager, langSon)
	w.official("xa.nay", models.Officer, bacSon)
	w.official("soat.ls", models.Auditor, langSon)
	outside := map[string]models.Area{"ha.noi": elsewhere, "nuoc.xem": models.Nation}
	for login, area := range outside {
		w.official(login, models.Viewer, area)
	}
	before, err := w.Officials.List(t.Context())
	must(t, err)
	for _, path := range []string{"/console/officials", "/console/officials?area=" + elsewhere, "/console/officials?area=VN", "/console/officials?login=ha", "/console/audit", "/console/audit?login=ha.noi"} {
		if got := manager.want(http.StatusOK, manager.get(path)); strings.Contains(got.words(), "Cán bộ ha.noi") || strings.Contains(got.words(), "Cán bộ nuoc.xem") {
			t.Errorf("%s lists somebody of another area", path)
		}
	}
	actions := []string{"/move", "/disable", "/enable", "/link"}
	for login := range outside {
		manager.want(http.StatusNotFound, manager.get("/console/officials/"+login))
		for _, action := range actions {
			if got := manager.submit("/console/officials/"+login+action, "role", "viewer", "area", langSon); got.status != http.StatusNotFound {
				t.Errorf("%s%s: %d", login, action, got.status)
			}
		}
	}
	for login, why := range map[string]string{"tinh.ls": "Không ai tự khóa", "soat.ls": "Kiểm toán viên do người vận hành"} {
		has(t, login, manager.want(http.StatusOK, manager.get("/console/officials/"+login)), why)
		for _, action := range actions {
			if got := manager.submit("/console/officials/"+login+action, "role", "viewer", "area", bacSon); got.status != http.StatusForbidden {
				t.Errorf("%s%s: %d", login, action, got.status)
			}
		}
	}
	after, err := w.Officials.List(t.Context())
	must(t, err)
	for i := range before { // a request moves a sign-in on, nothing else may have changed
		before[i].Rev, after[i].Rev = "", ""
	}
	diff(t, "nobody was changed", after, before)
}

// A language is chosen on the set-up page without losing the link, and the page is whole in English.
func TestSetUpInEnglish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.official("tinh.ls", models.ProvinceManager, langSon)
	link := manager.linkOf(manager.submit("/console/officials", "name", "Nông Thị Mới", "login", "xa.moi", "role", "officer", "area", bacSon))
	b := w.browser()
	for _, p := range []page{b.get(link), b.post(link, url.Values{})} {
		if !strings.Contains(p.body, `name="back" value="`+html.EscapeString(link)+`"`) {
			t.Errorf("a change of language leads elsewhere: %s", p.body)
		}
	}
	has(t, "English", b.follow(b.post("/console/language", url.Values{"lang": {"en"}, "back": {link}})), "Set up your account", "Connect an authenticator")
}
