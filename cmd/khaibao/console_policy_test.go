package main

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"khaibao/internal/store/sqlite"
)

// refused counts what browsers have reported as refused by the content security policy.
func (w *world) refused(t *testing.T) float64 {
	t.Helper()
	families, err := w.app.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "khaibao_console_csp_reports_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatal("nobody counts what the content security policy refuses")
	return 0
}

// noneRefused wants no page so far to have had anything refused.
func (w *world) noneRefused(t *testing.T) {
	t.Helper()
	if n := w.refused(t); n != 0 {
		t.Errorf("the content security policy refused something %v times", n)
	}
}

// What the policy refuses comes as a report of the browser and is counted: that none was counted elsewhere says something.
func TestRefusedIsReported(t *testing.T) {
	t.Parallel()
	slow(t)
	engine, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	w := newWorld(t, engine)
	b := openBrowser(t, w.url)
	b.expect("Content Security Policy")
	b.expect("https://elsewhere.test/") // asked for, and never sent
	b.do(chromedp.Navigate(b.base+"/console/sign-in"), chromedp.WaitReady(chromedp.CSS("input[name=totp]")))
	w.noneRefused(t)
	for n, inject := range []string{
		`document.body.setAttribute("style", "color: red")`,
		`document.body.append(Object.assign(document.createElement("script"), {textContent: "document.title = 'ours no more'"}))`,
		`document.body.append(Object.assign(document.createElement("img"), {src: "https://elsewhere.test/pixel.png"}))`,
	} {
		if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+inject+")")); err != nil {
			b.fail(err)
		}
		w.eventually("it is reported: "+inject, func() bool { return w.refused(t) == float64(n+1) })
	}
	if title, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.title")); err != nil || title == "ours no more" {
		t.Errorf("an inline script has run: %q %v", title, err)
	}
}
