package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// site is one address that is served.
type site struct {
	name     string
	listener net.Listener
	handler  http.Handler
	tls      *tls.Config // nil: plain HTTP
}

// How long the parts of a request may take at most; the handlers bound what happens in between.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 90 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
	stopTimeout   = 15 * time.Second
)

// serveSites serves every site and runs the work beside it until ctx ends. Then it stops in reverse order: first no more
// requests, then no more work. A stop that takes too long is cut off and said so.
func serveSites(ctx context.Context, log *slog.Logger, work func(context.Context) error, sites ...site) error {
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	var worked errgroup.Group
	worked.Go(func() error { return work(working) })

	var served errgroup.Group
	servers := make([]*http.Server, len(sites))
	failed := make(chan error, len(sites))
	for i, s := range sites {
		servers[i] = &http.Server{
			Handler: s.handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
			IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), TLSConfig: s.tls,
		}
		listener := s.listener
		if s.tls != nil {
			listener = tls.NewListener(listener, s.tls)
		}
		served.Go(func() error {
			if err := servers[i].Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serving %s: %w", s.name, err)
				return err
			}
			return nil
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	return errors.Join(err, stop(log, servers, &served, stopWork, &worked))
}

func stop(log *slog.Logger, servers []*http.Server, served *errgroup.Group, stopWork context.CancelFunc, worked *errgroup.Group) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	for i := len(servers) - 1; i >= 0; i-- {
		if err := servers[i].Shutdown(ctx); err != nil {
			log.Warn("requests were cut off at the stop", "error", err)
			servers[i].Close()
		}
	}
	served.Wait() // what went wrong has been reported already
	stopWork()
	done := make(chan error, 1)
	go func() { done <- worked.Wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		log.Warn("workers were cut off at the stop; another process or the next start goes on")
		return nil
	}
}
