package cases

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"khaibao/models"
)

// Numbers of an area are good for half a minute by either clock, and until its officials change something.
func TestRemembered(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 8, 0, 0, 0, models.Hanoi)
	var r remembered[int]
	if _, ok := r.get("20", now); ok {
		t.Error("numbers of nobody")
	}
	r.set("20", 7, now)
	for what, test := range map[string]struct {
		area string
		at   time.Time
		want bool
	}{
		"at once": {"20", now, true}, "a moment later": {"20", now.Add(rememberedFor - 1), true}, "another area": {"01", now, false},
		"the clock went on": {"20", now.Add(rememberedFor), false}, "the clock was set back": {"20", now.Add(-rememberedFor), false},
	} {
		if n, ok := r.get(test.area, test.at); ok != test.want || (ok && n != 7) {
			t.Errorf("%s: %d %t", what, n, ok)
		}
	}
	r.forget("20")
	if _, ok := r.get("20", now); ok {
		t.Error("forgotten numbers came back")
	}
}

// Whoever asks while numbers are being computed waits for them, and one who gives up spoils them for nobody.
func TestComputeIsShared(t *testing.T) {
	t.Parallel()
	var r remembered[int]
	var computed atomic.Int32
	begun, goOn := make(chan struct{}), make(chan struct{})
	anew := func(ctx context.Context) (int, error) {
		computed.Add(1)
		close(begun)
		<-goOn
		return 7, ctx.Err()
	}
	impatient, giveUp := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, err := r.compute(impatient, "20", anew)
		gaveUp <- err
	}()
	<-begun
	var waiting sync.WaitGroup
	for range 3 {
		arrived := make(chan struct{})
		waiting.Go(func() {
			close(arrived)
			if n, err := r.compute(t.Context(), "20", func(context.Context) (int, error) { return 7, nil }); n != 7 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		})
		<-arrived
	}
	giveUp()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("the impatient one got %v", err)
	}
	close(goOn)
	waiting.Wait()
	if computed.Load() != 1 {
		t.Errorf("computed %d times", computed.Load())
	}
}
