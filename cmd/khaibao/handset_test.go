package main

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"khaibao/internal/store/storetest"
)

var screenshots = flag.String("screenshots", "", "a directory to keep pictures of the handset in")

// TestHandset goes through the demo's handset in a real browser, on a phone's screen and on a desk's: sign in with the
// code from the SMS, add oneself, declare, see level, reasons and advice, be told by push.
func TestHandset(t *testing.T) {
	t.Parallel()
	slow(t)
	d := openDemo(t, demoCommand{Data: t.TempDir(), households: 1})
	for i, screen := range []struct {
		name          string
		width, height int64
	}{{"phone", 390, 844}, {"desk", 1440, 900}} {
		t.Run(screen.name, func(t *testing.T) {
			t.Parallel()
			b := openBrowser(t, d.url)
			b.name = screen.name
			b.do(chromedp.EmulateViewport(screen.width, screen.height), chromedp.Navigate(d.url+"/demo"))
			b.signIn(fmt.Sprintf("0900 000 10%d", i))
			b.addMyself()
			b.askOnlyWhatApplies()
			b.declare()
			b.readInbox()
			b.declareByUSSD()
			b.declareBySMS()
			b.speakEnglish()
			b.fits()
		})
	}
}

// TestHandsetMissedDay presses the button that moves the demo's day on. It has a demo of its own, whose clock nobody shares.
func TestHandsetMissedDay(t *testing.T) {
	t.Parallel()
	slow(t)
	d := openDemo(t, demoCommand{Data: t.TempDir(), households: 1})
	b := openBrowser(t, d.url)
	b.name = "missed"
	b.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(d.url+"/demo"))
	b.signIn("0900 000 103")
	b.addMyself()
	b.declare()
	b.missADay()
}

// untilTheEnd lets a wait in the page last as long as the test may, and not for half a minute, which a busy machine needs.
var untilTheEnd = chromedp.WithPollingTimeout(0)

// browser is one fresh Chromium that may only talk to the demo.
type browser struct {
	*testing.T
	ctx      context.Context
	base     string
	name     string
	requests int

	mu       sync.Mutex
	expected []string // what the console may say and what may be asked for all the same
}

// expect lets the console say, and the page ask for, what holds a text.
func (b *browser) expect(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, text)
}

func (b *browser) isExpected(said string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.expected, func(text string) bool { return strings.Contains(said, text) })
}

// headlessShell is Debian's Chromium without windows, tabs and their pages, which cost a third of the processor time. Its
// wrapper in /usr/bin would leave it running when it is killed. Where it is missing, chromedp looks for another Chromium.
const headlessShell = "/usr/lib/chromium/chromium-headless-shell"

func openBrowser(t *testing.T, base string) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("lang", "vi"),
	)
	if _, err := os.Stat(headlessShell); err == nil {
		options = append(options, chromedp.ExecPath(headlessShell))
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	ctx, cancel := context.WithTimeout(ctx, storetest.Patience(t))
	t.Cleanup(cancel)
	b := &browser{T: t, ctx: ctx, base: base}
	var heard sync.WaitGroup
	console, requests := chromedp.Console(ctx), chromedp.Events(ctx, network.RequestWillBeSent)
	heard.Go(func() { b.watchConsole(console) })
	heard.Go(func() { b.watchRequests(requests) })
	t.Cleanup(func() {
		cancel()
		heard.Wait()
		if b.requests == 0 {
			t.Error("no request was seen at all")
		}
	})
	return b
}

// watchConsole wants nothing worse than a remark there.
func (b *browser) watchConsole(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range messages {
		if err != nil {
			return
		}
		if (m.IsException() || m.Type == "error" || m.Type == "warning") && !b.isExpected(m.String()) {
			b.Errorf("the console says %s: %s", m.Type, m)
		}
	}
}

// watchRequests wants none to go to another host.
func (b *browser) watchRequests(sent iter.Seq2[network.EventRequestWillBeSent, error]) {
	for e, err := range sent {
		if err != nil {
			return
		}
		b.requests++
		if !strings.HasPrefix(e.Request.URL, b.base+"/") && !strings.HasPrefix(e.Request.URL, "data:") && !b.isExpected(e.Request.URL) {
			b.Errorf("a request goes to %s", e.Request.URL)
		}
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.fail(err)
	}
}

// fail ends the test and says what the page shows, as far as it can be had.
func (b *browser) fail(err error) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), 5*time.Second)
	defer cancel()
	shown, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
	b.Fatalf("%v; the page shows\n%s", err, shown)
}

// button is the visible button with a text.
func button(text string) chromedp.Search {
	return chromedp.Search(fmt.Sprintf("//button[normalize-space()=%q]", text))
}

func (b *browser) press(text string) {
	b.Helper()
	b.do(chromedp.Click(button(text), chromedp.NodeVisible))
}

// text waits until an element shows something and gives it. The page may build the element anew at any time.
func (b *browser) text(selector string) string {
	b.Helper()
	shown, err := chromedp.Run(b.ctx, chromedp.Poll[string](fmt.Sprintf(`(document.querySelector(%q) || {innerText: ''}).innerText.trim()`, selector), untilTheEnd))
	if err != nil {
		b.fail(err)
	}
	return shown
}

// await waits until an element shows exactly a text.
func (b *browser) await(selector, want string) {
	b.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](fmt.Sprintf(`(document.querySelector(%q) || {innerText: ''}).innerText.trim() === %q`, selector, want), untilTheEnd)); err != nil {
		b.fail(fmt.Errorf("waiting for %q: %w", want, err))
	}
}

// choose chooses an option, as a hand would, by its value.
func (b *browser) choose(selector, value string) {
	b.Helper()
	b.do(chromedp.SetValue(chromedp.CSS(selector), value, chromedp.NodeVisible))
	change := fmt.Sprintf(`document.querySelector(%q).dispatchEvent(new Event('change', {bubbles: true})), true`, selector)
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](change)); err != nil {
		b.fail(err)
	}
}

// picture keeps the whole page when -screenshots asks for it.
func (b *browser) picture(name string) {
	b.Helper()
	if *screenshots == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.fail(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, b.name+"-"+name+".png"), png, 0o600); err != nil {
		b.Fatal(err)
	}
}

func (b *browser) signIn(number string) {
	b.Helper()
	b.do(chromedp.SetValue(chromedp.CSS("#number"), number))
	b.press("Dùng số này")
	b.picture("1-start")
	b.press("Gửi mã xác nhận")
	code := sixDigits.FindString(b.text("#sms li:not(.empty)"))
	b.do(chromedp.SendKeys(chromedp.CSS("#code"), code))
	b.picture("2-code")
	b.press("Vào")
}

func (b *browser) addMyself() {
	b.Helper()
	b.press("Thêm người")
	b.do(chromedp.SendKeys(chromedp.CSS("#person-name"), "Nguyễn Thị Thử"), chromedp.SetValue(chromedp.CSS("#person-born"), "1986-05-04"))
	b.do(chromedp.SendKeys(chromedp.CSS("#person-commune"), "bac son"), chromedp.WaitReady(chromedp.CSS(`#communes option[value="06325"]`)))
	b.choose("#communes", "06325")
	b.picture("3-person")
	b.press("Lưu")
	b.await("#app h3", "Người trong nhà")
	if list := b.text("#app .list"); !strings.Contains(list, "Nguyễn Thị Thử (Chính tôi)") {
		b.Errorf("the household shows %q", list)
	}
	b.picture("4-household")
}

// open opens the declaration of a program.
func (b *browser) open(program string) {
	b.Helper()
	b.press("Khai báo")
	b.do(chromedp.WaitVisible(chromedp.CSS("#program")))
	b.choose("#program", program)
	b.press("Tiếp tục")
}

// askOnlyWhatApplies wants the day on which a fever began to be asked of those who have one.
func (b *browser) askOnlyWhatApplies() {
	b.Helper()
	b.open("dengue")
	const onset = chromedp.CSS(`[data-question="onset"]`)
	b.do(chromedp.WaitReady(onset), chromedp.WaitNotVisible(onset))
	b.do(chromedp.Click(chromedp.CSS(`input[name="fever"][value="true"]`)), chromedp.WaitVisible(onset))
	b.press("Quay lại")
	b.await("#app h3", "Người trong nhà")
}

func (b *browser) declare() {
	b.Helper()
	b.open("covid19")
	b.do(chromedp.Click(chromedp.CSS(`input[name="cough"][value="true"]`)))
	b.do(chromedp.Click(chromedp.CSS(`.question:has(input[name="cough"]) .clear`), chromedp.NodeVisible))
	b.do(chromedp.Click(chromedp.CSS(`input[name="fever"][value="true"]`)), chromedp.Click(chromedp.CSS(`input[name="contact_case"][value="yes"]`)))
	b.picture("5-form")
	b.press("Gửi tờ khai")
	if level := b.text("#level"); level != "Cao" {
		b.Errorf("the level shows %q, want Cao", level)
	}
	if advice := b.text("#advice"); !strings.Contains(advice, "115") {
		b.Errorf("the advice shows %q", advice)
	}
	if reasons := b.text("#reasons"); strings.Contains(reasons, "Ho") || !strings.Contains(reasons, "Có sốt") || !strings.Contains(reasons, "tiếp xúc với người mắc COVID-19") {
		b.Errorf("the reasons show %q", reasons)
	}
	if push := b.text("#push li:not(.empty)"); !strings.Contains(push, "Bạn có một tin nhắn mới") {
		b.Errorf("the push shows %q", push)
	}
	b.picture("6-result")
}

func (b *browser) readInbox() {
	b.Helper()
	b.press("Quay lại")
	b.await("#app h3", "Người trong nhà")
	b.press("Hộp thư")
	if inbox := b.text("#app .thread li"); !strings.Contains(inbox, "Hãy ở nhà") {
		b.Errorf("the inbox shows %q", inbox)
	}
	b.picture("7-inbox")
	b.press("Quay lại")
	b.await("#app h3", "Người trong nhà")
}

// missADay lets the demo's day move on twice without an update: the date goes on, and push and SMS remind.
func (b *browser) missADay() {
	b.Helper()
	before := b.text("#clock")
	for range 2 {
		b.press("Sang ngày mai")
		b.do(chromedp.WaitEnabled(chromedp.CSS("#next-day")))
	}
	if after := b.text("#clock"); after == before {
		b.Errorf("the demo's time stays at %q", after)
	}
	const reminded = "gia dinh ban con nguoi chua gui cap nhat suc khoe"
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](fmt.Sprintf(`document.querySelector('#sms').innerText.includes(%q) && document.querySelectorAll('#push li:not(.empty)').length > 1`, reminded), untilTheEnd)); err != nil {
		b.fail(fmt.Errorf("waiting for the reminders: %w", err))
	}
	b.picture("9-missed")
}

// contains waits until an element shows something that a text is part of.
func (b *browser) contains(selector, part string) {
	b.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](fmt.Sprintf(`(document.querySelector(%q) || {innerText: ''}).innerText.includes(%q)`, selector, part), untilTheEnd)); err != nil {
		b.fail(fmt.Errorf("waiting for %q: %w", part, err))
	}
}

// declareByUSSD declares on the keypad for the person who was added in the app.
func (b *browser) declareByUSSD() {
	b.Helper()
	b.press("Gọi *123#")
	b.contains("#ussd", "KHAI BAO Y TE")
	for _, step := range []struct{ typed, screen string }{
		{"1", "Khai cho ai?"}, {"1", "Khai bao benh nao?"}, {"1", "14 ngay qua CO:"}, {"13", "Ngay luc nay CO:"}, {"0", "Gap F0"},
		{"1", "Benh nen"}, {"0", "Ban khai: sot, kho tho; gap F0"}, {"1", "Muc: CAO"},
	} {
		b.do(chromedp.SendKeys(chromedp.CSS("#ussd-text"), step.typed))
		b.do(chromedp.Click(chromedp.CSS("#ussd-send"), chromedp.NodeVisible))
		b.contains("#ussd", step.screen)
	}
	b.contains("#sms", "Khai Bao (COVID-19): muc nguy co CAO") // the result in full follows by SMS
	b.picture("10-ussd")
}

// declareBySMS declares in one message and confirms it.
func (b *browser) declareBySMS() {
	b.Helper()
	for _, step := range []struct{ text, reply string }{{"KB COVID 0 0 0 0", "Tra loi OK de gui"}, {"OK", "Muc: THAP"}} {
		b.do(chromedp.SendKeys(chromedp.CSS("#sms-text"), step.text))
		b.press("Gửi SMS")
		b.contains("#sms", step.reply)
	}
	b.picture("11-sms")
}

func (b *browser) speakEnglish() {
	b.Helper()
	b.press("English")
	b.await("#app h3", "Household")
	b.press("Inbox")
	if inbox := b.text("#app .thread li"); !strings.Contains(inbox, "wear a mask") {
		b.Errorf("the inbox shows %q in English", inbox)
	}
	b.picture("8-english")
}

// fits wants nothing wider than the screen.
func (b *browser) fits() {
	b.Helper()
	over, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
	if err != nil {
		b.fail(err)
	}
	if over > 0 {
		b.Errorf("the page is %d pixels wider than the screen", over)
	}
}
