package doubles_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"khaibao/internal/doubles"
	"khaibao/models"
	"khaibao/push/fcm"
)

// The lean double takes what the Firebase SDK sends, hears every token, and takes its time for each.
func TestLeanFCM(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	heard := map[string]int{}
	const latency = 20 * time.Millisecond
	lean, err := doubles.NewLeanFCM(latency, func(token []byte) {
		mu.Lock()
		defer mu.Unlock()
		heard[string(token)]++
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lean.Close() })
	sender, err := fcm.New(t.Context(), fcm.Config{Project: "demo-khaibao", Endpoint: lean.Endpoint()})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for range 3 {
		for _, token := range []string{"a", "b:c-d_e"} {
			if err := sender.Send(t.Context(), models.Envelope{ID: "1", To: token, Title: "t", Text: "“token”", TTL: time.Hour}); err != nil {
				t.Errorf("%s: %v", token, err)
			}
		}
	}
	if took := time.Since(begun); took < 6*latency {
		t.Errorf("six sends took %v", took)
	}
	if lean.Accepted() != 6 || heard["a"] != 3 || heard["b:c-d_e"] != 3 || len(heard) != 2 {
		t.Errorf("%d accepted, %v", lean.Accepted(), heard)
	}
	answer, err := http.Post(lean.Endpoint()+"/projects/p/messages:send", "application/json", strings.NewReader(`{"message":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if answer.Body.Close(); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("without a token: %s", answer.Status)
	}
}
