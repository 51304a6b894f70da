package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"khaibao/internal/auth"
	"khaibao/internal/sheet"
	"khaibao/models"
)

const (
	exportMemoryMB  = 64  // more than before is what an export may take
	exportDocuments = 201 // cases in memory at a time, and one to see that there are more
)

// An export holds every case that is there, in memory that does not grow with them.
func (s *scale) export(t *testing.T) {
	token := s.exporter(t, "xuat.tep")
	total, err := s.app.store.Within(models.Nation).Count(t.Context(), models.CaseFilter{}, s.app.now())
	if err != nil {
		t.Fatal(err)
	}
	for i, format := range append([]sheet.Format{sheet.CSV}, sheet.Formats()...) {
		s.engine.longest.Store(0)
		before, most, begun := settledMB(t), watchMemory(t), time.Now()
		file := s.download(t, token, format)
		took, more := time.Since(begun), most()-before
		if i == 0 {
			continue // the first one fills the caches of the engine
		}
		rows, size := s.rowsOf(t, format, file)
		if rows != int(total) {
			t.Errorf("%s: %d rows, want %d", format, rows, total)
		}
		if longest := s.engine.longest.Load(); longest > exportDocuments {
			t.Errorf("%s: a query gave %d documents, want %d at most", format, longest, exportDocuments)
		}
		if measured := os.Getenv("KHAIBAO_SCALE_CASES") != ""; measured && more > exportMemoryMB { // otherwise other tests are beside
			t.Errorf("%s: %.0f MB more memory, want less than %d", format, more, exportMemoryMB)
		}
		t.Logf("%s: %d cases, %.1f MB in %v, %.0f cases/s, %.1f MB more memory, load %s",
			format, rows, float64(size)/1e6, took.Round(time.Millisecond), float64(rows)/took.Seconds(), more, loadAverage())
	}
}

// exporter adds a national manager and gives an access token.
func (s *scale) exporter(t *testing.T, login string) string {
	t.Helper()
	login = fmt.Sprintf("%s.%d", login, time.Now().UnixNano()) // a store may be measured again
	given, err := s.app.officials.Add(t.Context(), auth.NewOfficial{Login: login, Name: "Nông Thị Bắc", Role: models.NationalManager, Area: models.Nation})
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, s.url)
	return c.login(demoOfficial{Login: login, Password: given.Password, TOTPSecret: given.TOTPSecret}, &authenticator{}).Access
}

// settledMB is the memory of the process without garbage.
func settledMB(t *testing.T) float64 {
	t.Helper()
	debug.FreeOSMemory()
	return residentMB(t)
}

// watchMemory notes the most that is resident from now on until it is asked.
func watchMemory(t *testing.T) (most func() float64) {
	ctx, cancel := context.WithCancel(t.Context())
	highest := 0.0
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			highest = max(highest, residentMB(t))
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() float64 {
		cancel()
		watching.Wait()
		return highest
	}
}

// ask begins an export.
func (s *scale) ask(ctx context.Context, t *testing.T, token string, format sheet.Format) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/exports/cases."+string(format), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if reply.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", format, reply.Status)
	}
	return reply
}

// download puts an export into a file and gives its name.
func (s *scale) download(t *testing.T, token string, format sheet.Format) string {
	t.Helper()
	reply := s.ask(t.Context(), t, token, format)
	defer reply.Body.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "export"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err = io.Copy(file, reply.Body); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return file.Name()
}

// rowsOf counts the rows of a file below its head.
func (s *scale) rowsOf(t *testing.T, format sheet.Format, name string) (rows int, size int64) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	switch format {
	case sheet.XLSX:
		book, err := excelize.OpenFile(name)
		if err != nil {
			t.Fatal(err)
		}
		defer book.Close()
		all, err := book.Rows(book.GetSheetList()[0])
		if err != nil {
			t.Fatal(err)
		}
		for rows = -1; all.Next(); rows++ {
		}
		err = all.Error()
		if err != nil {
			t.Fatal(err)
		}
	case sheet.CSV:
		in := csv.NewReader(file)
		in.ReuseRecord = true
		for rows = -1; ; rows++ {
			if _, err := in.Read(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	default:
		for lines := bufio.NewScanner(file); lines.Scan(); rows++ {
		}
	}
	return rows, info.Size()
}

// A download that is given up stops the work: the query that is under way ends, and no other begins.
func (s *scale) cancelled(t *testing.T) {
	token := s.exporter(t, "bo.do")
	for _, format := range sheet.Formats() {
		ctx, cancel := context.WithCancel(t.Context())
		var queries atomic.Int64
		ended := make(chan struct{})
		watch := func(reading context.Context) {
			if !forRequest(reading) || queries.Add(1) != 3 { // workers read cases, too, and go on
				return
			}
			cancel()
			<-reading.Done() // the server hears that nobody listens any more
			close(ended)
		}
		s.engine.finding.Store(&watch)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/exports/cases."+string(format), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		select {
		case <-s.took.ended: // of what was asked before
		default:
		}
		if reply, err := http.DefaultClient.Do(r); err == nil {
			if _, err = io.Copy(io.Discard, reply.Body); err == nil {
				t.Errorf("%s: the whole file came", format)
			}
			reply.Body.Close()
		}
		<-ended
		<-s.took.ended
		s.engine.finding.Store(nil)
		if n := queries.Load(); n != 3 {
			t.Errorf("%s: %d pages were read, want none after the third", format, n)
		}
	}
}
