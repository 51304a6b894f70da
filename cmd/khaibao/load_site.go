package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	randv2 "math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	vegeta "github.com/tsenart/vegeta/v12/lib"
	"golang.org/x/sync/errgroup"

	"khaibao/handlers"
	"khaibao/internal/auth"
	"khaibao/internal/dialogue"
	"khaibao/internal/seal"
	"khaibao/internal/store"
	"khaibao/models"
)

// loadSite is the product under load: assembled as serve does it, on an address of loopback, with households signed in.
type loadSite struct {
	app      *app
	url      string
	channels string // the address that gateways call
	rounds   int64  // so far: each has callers of its own
	visits   loadVisits
	citizens []loadCitizen
	log      *os.File
	stop     context.CancelFunc
	stopped  chan error
}

// loadCitizen is a household of one, signed in.
type loadCitizen struct{ token, person string }

// openLoadSite serves an engine and enters the households through the API.
func openLoadSite(ctx context.Context, engine store.Engine, keys *seal.Keys, households int) (*loadSite, error) {
	s, err := newLoadSite(ctx, engine, keys)
	if err != nil {
		return nil, err
	}
	if err = s.serve(ctx); err == nil {
		err = s.enterAll(ctx, households)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// newLoadSite assembles the product on an engine.
func newLoadSite(ctx context.Context, engine store.Engine, keys *seal.Keys) (*loadSite, error) {
	log, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // each line costs its system call, as in serve
	if err != nil {
		return nil, err
	}
	s := &loadSite{log: log, stop: func() {}, stopped: make(chan error, 1)}
	if s.app, err = assemble(ctx, loadParts(engine, keys, log)); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	s.stopped <- nil // nothing to wait for until it serves
	return s, nil
}

// serve begins to answer, and to carry out what is owed.
func (s *loadSite) serve(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	gateways, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.url, s.channels = "http://"+listener.Addr().String(), "http://"+gateways.Addr().String()
	ctx, s.stop = context.WithCancel(ctx)
	<-s.stopped
	go func() {
		s.stopped <- serveSites(ctx, s.app.log, s.app.work, site{name: "the load", listener: listener, handler: s.app.api}, site{name: "the gateways", listener: gateways, handler: s.app.channels})
	}()
	return nil
}

func (s *loadSite) enterAll(ctx context.Context, households int) error {
	s.citizens = make([]loadCitizen, households)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(seedWorkers)
	for n := range households {
		group.Go(func() (err error) {
			if s.citizens[n], err = s.enter(ctx, n); err != nil {
				err = fmt.Errorf("entering household %d: %w", n, err)
			}
			return err
		})
	}
	return group.Wait()
}

func loadParts(engine store.Engine, keys *seal.Keys, log *os.File) parts {
	const enough = 1 << 20
	return parts{
		engine: engine, keys: keys, now: time.Now, log: slog.New(slog.NewJSONHandler(log, nil)), firebase: loadVerifier{},
		otp:    budgetConfig{OTPPerPhoneHour: enough, OTPPerPhoneDay: enough, OTPPerAddressHour: enough, OTPPerDay: enough},
		logins: auth.LoginBudgets{PerLoginHour: enough, PerAddressHour: enough}, argon: auth.Argon2{Time: 1, Memory: 8, Threads: 1, Parallel: seedWorkers}, plainHTTP: true,
		gateways: &handlers.Gateways{Secrets: []string{rand.Text()}}, turns: dialogue.TurnBudgets{SMSHour: enough, SMSDay: enough, USSDHour: enough},
	}
}

func (s *loadSite) close() error {
	s.stop()
	return errors.Join(<-s.stopped, s.log.Close())
}

// loadVerifier takes a phone's number for its ID token: the households of a load have no phone to prove.
type loadVerifier struct{}

// Verify gives the token back as the number.
func (loadVerifier) Verify(_ context.Context, idToken string) (string, error) { return idToken, nil }

// enter signs a household in and adds its one person.
func (s *loadSite) enter(ctx context.Context, n int) (loadCitizen, error) {
	var tokens struct {
		Access string `json:"access_token"`
	}
	if err := s.post(ctx, "/v1/auth/firebase", "", map[string]any{"id_token": seedPhone(n)}, &tokens); err != nil {
		return loadCitizen{}, err
	}
	dice := randv2.New(randv2.NewPCG(uint64(n), 1))
	var person struct {
		ID string `json:"id"`
	}
	err := s.post(ctx, "/v1/people", tokens.Access, map[string]any{
		"name": seedName(dice, models.Female), "birth_date": seedBirthDate(dice, models.Self), "sex": models.Female, "relationship": models.Self,
		"area": map[string]any{"commune": s.commune(n)},
	}, &person)
	return loadCitizen{tokens.Access, person.ID}, err
}

// commune is where household n lives: as in an outbreak most in a few communes, one in four anywhere in the country.
func (s *loadSite) commune(n int) string {
	if n%4 != 0 {
		return demoCommunes[n%len(demoCommunes)]
	}
	provinces := s.app.areas.Provinces()
	communes, _ := s.app.areas.Communes(provinces[n/4%len(provinces)].Code)
	return communes[n/4/len(provinces)%len(communes)].Code
}

func (s *loadSite) post(ctx context.Context, path, token string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header = jsonHeader(token)
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK && reply.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s answered %s", path, reply.Status)
	}
	return json.NewDecoder(reply.Body).Decode(into)
}

func jsonHeader(token string) http.Header {
	header := http.Header{"Content-Type": {"application/json"}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return header
}

// flaggedOneIn is how many households have one among them that is flagged, at each of its declarations: Vietnam counted
// 300,000 people with risk factors in 19 million declarations of 2020, one in 63.
const flaggedOneIn = 63

// The answers of somebody who is well, and of somebody with fever who met a case.
const (
	wellAnswers = `{"fever":false,"cough":false,"dyspnoea":false,"sore_throat":false,"loss_of_taste_or_smell":false,"fatigue":false,"pneumonia":false,"breathless_at_rest":false,"chest_pain":false,"confusion":false,"cannot_stay_awake":false,"blue_lips":false,"contact_case":"no","contact_suspect":"no","came_from_epidemic_area":"no","contact_with_arrival":"no"}`
	sickAnswers = `{"fever":true,"cough":true,"dyspnoea":false,"sore_throat":false,"loss_of_taste_or_smell":false,"fatigue":true,"pneumonia":false,"breathless_at_rest":false,"chest_pain":false,"confusion":false,"cannot_stay_awake":false,"blue_lips":false,"contact_case":"yes","contact_suspect":"no","came_from_epidemic_area":"no","contact_with_arrival":"no","chronic_conditions":["diabetes"]}`
)

// attack is what a client met.
type attack struct {
	Accepted, Failed int    // answers with 201, and all others
	Why              string // the first failure
	Took             time.Duration
	P50, P99         time.Duration
}

func (a attack) rate() float64 { return float64(a.Accepted) / a.Took.Seconds() }

// declareFor sends declarations over so many connections, each as soon as the one before is answered, for a while or
// until ctx ends.
func declareFor(ctx context.Context, url string, citizens []loadCitizen, connections int, length time.Duration) attack {
	client := vegeta.NewAttacker(
		vegeta.Workers(uint64(connections)), vegeta.MaxWorkers(uint64(connections)), vegeta.Connections(connections),
		vegeta.HTTP2(false), vegeta.Timeout(30*time.Second))
	defer context.AfterFunc(ctx, func() { client.Stop() })()
	var met vegeta.Metrics
	var out attack
	start := time.Now()
	for result := range client.Attack(declarationsOf(url, citizens), vegeta.ConstantPacer{}, length, "declarations") {
		met.Add(result)
		if result.Code == http.StatusCreated {
			out.Accepted++
		} else if out.Failed++; out.Failed == 1 {
			out.Why = fmt.Sprintf("%d %s %s", result.Code, result.Error, result.Body)
		}
	}
	out.Took = time.Since(start)
	met.Close()
	out.P50, out.P99 = met.Latencies.P50, met.Latencies.P99
	return out
}

// declarationsOf makes a new declaration of the next household at each call.
func declarationsOf(url string, citizens []loadCitizen) vegeta.Targeter {
	headers := make([]http.Header, len(citizens))
	for i, c := range citizens {
		headers[i] = jsonHeader(c.token)
	}
	var count atomic.Uint64
	return func(target *vegeta.Target) error {
		n := count.Add(1)
		who := n % uint64(len(citizens))
		answers := wellAnswers
		if who%flaggedOneIn == 0 {
			answers = sickAnswers
		}
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		target.Method, target.URL, target.Header = http.MethodPost, url+"/v1/declarations", headers[who]
		target.Body = fmt.Appendf(nil, `{"id":%q,"program":"covid19","person_id":%q,"answers":%s,"occurred_at":%q}`,
			id, citizens[who].person, answers, time.Now().UTC().Format(time.RFC3339Nano))
		return nil
	}
}
