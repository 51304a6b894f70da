package storetest

import (
	"context"
	"testing"
	"time"
)

// Patience is how long a test may wait for something that only a hang keeps from happening: most of the time that is left
// to the test binary. Whatever is shorter measures how busy the machine is.
func Patience(t testing.TB) time.Duration {
	if t, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if end, ok := t.Deadline(); ok {
			return time.Until(end) * 9 / 10
		}
	}
	return time.Hour // a benchmark, or -timeout 0
}

// Within is a context that lasts for as long as Patience says.
func Within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience(t))
	t.Cleanup(cancel)
	return ctx
}
