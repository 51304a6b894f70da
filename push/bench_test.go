package push_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"khaibao/models"
	"khaibao/push"
)

// BenchmarkOutbox empties an outbox: each push is read, handed to a sender that answers at once and written down on SQLite.
func BenchmarkOutbox(b *testing.B) {
	r := newRig(b)
	var accounts [60]string // each has one message under way at a time
	for i := range accounts {
		accounts[i] = r.household(b, strings.Repeat("x", i+1), models.Vietnamese)
	}
	messages := make([]models.Message, b.N)
	for i := range messages {
		messages[i] = r.advice(accounts[i%len(accounts)], fmt.Sprintf("d%08d", i))
		messages[i].DueAt = messages[i].DueAt.Add(time.Duration(i-b.N) * time.Millisecond)
	}
	for len(messages) > 0 {
		n := min(len(messages), 500)
		r.enqueue(b, messages[:n]...)
		messages = messages[n:]
	}
	c := r.config("one")
	c.LeaseLength = time.Minute
	done := make(chan struct{}, b.N)
	c.Observe = func(push.Outcome) { done <- struct{}{} }
	b.ResetTimer()
	r.start(b, c)
	for range b.N {
		<-done
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
