package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"khaibao/internal/auth/firebase"
	"khaibao/internal/dialogue"
	"khaibao/internal/rules"
	"khaibao/internal/sms"
	"khaibao/push/fcm"
)

type serveCommand struct {
	storeConfig
	listenConfig
	channelConfig
	gatewayConfig
	budgetConfig
	Programs string `help:"A directory with more programs, laid out as <id>/<version>.yaml." type:"path" placeholder:"DIR"`

	now   func() time.Time // the domain's clock; real time when nil. No setting sets it
	ready func(*app)       // called before it serves, when not nil
}

// Run checks the settings as a whole, opens what they name, and serves until ctx ends.
func (c *serveCommand) Run(ctx context.Context) error {
	if err := settingsError(c.storeConfig.problems(), c.listenConfig.problems(), c.channelConfig.problems(), c.gatewayConfig.problems(&c.listenConfig), c.budgetConfig.problems(), programsProblems(c.Programs)); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	p, err := c.parts(ctx, log)
	if err != nil {
		return err
	}
	a, err := assemble(ctx, p)
	if err != nil {
		return errors.Join(err, p.engine.Close(context.WithoutCancel(ctx)))
	}
	if c.ready != nil {
		c.ready(a)
	}
	err = c.listenAndServe(ctx, a)
	return errors.Join(err, p.engine.Close(context.WithoutCancel(ctx)))
}

func programsProblems(dir string) []string {
	if dir == "" {
		return nil
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return []string{"--programs (KHAIBAO_PROGRAMS): " + dir + " is not a directory"}
	}
	return nil
}

func programSources(dir string) []rules.Source {
	if dir == "" {
		return nil
	}
	return []rules.Source{{Name: dir, FS: os.DirFS(dir)}}
}

func (c *serveCommand) parts(ctx context.Context, log *slog.Logger) (parts, error) {
	p := parts{
		programs: programSources(c.Programs), now: time.Now, log: log, otp: c.budgetConfig, perDay: c.MessagesPerDay,
		plainHTTP: c.TLSCert == "" && len(c.TrustedProxies) == 0,
	}
	if c.now != nil {
		p.now = c.now
	}
	var err error
	if p.proxies, err = c.proxies(); err != nil {
		return p, err
	}
	if p.keys, err = c.keys(); err != nil {
		return p, err
	}
	if c.ChannelsAddr != "" {
		gateways, err := c.gateways()
		if err != nil {
			return p, err
		}
		if p.reports, err = c.reports(p.keys); err != nil {
			return p, err
		}
		p.gateways, p.turns = &gateways, dialogue.TurnBudgets{SMSHour: c.SMSTurnsHour, SMSDay: c.SMSTurnsDay, USSDHour: c.USSDTurnsHour}
	}
	if err := c.channels(ctx, &p); err != nil {
		return p, err
	}
	p.engine, err = openEngine(ctx, c.Store)
	return p, err
}

// channels makes the senders and the Firebase sign-in that the settings name.
func (c *channelConfig) channels(ctx context.Context, p *parts) error {
	if c.SMSURL != "" {
		kannel, err := sms.NewKannel(sms.KannelConfig{URL: c.SMSURL, Username: c.SMSUser, Password: c.SMSPassword, From: c.SMSFrom, Reports: p.reports})
		if err != nil {
			return err
		}
		p.sms = kannel
	}
	if c.FirebaseProject == "" {
		return nil
	}
	settings := fcm.Config{Project: c.FirebaseProject, Endpoint: c.FirebaseEndpoint}
	if settings.Endpoint == "" {
		credentials, err := os.ReadFile(c.FirebaseCredentials)
		if err != nil {
			return fmt.Errorf("--firebase-credentials: %w", err)
		}
		settings.Credentials = credentials
	}
	sender, err := fcm.New(ctx, settings)
	if err != nil {
		return err
	}
	p.pushes = sender
	p.firebase, err = firebase.New(ctx, c.FirebaseProject)
	return err
}

// listenAndServe listens before it says so.
func (c *serveCommand) listenAndServe(ctx context.Context, a *app) error {
	public, err := c.publicTLS()
	if err != nil {
		return err
	}
	sites := []site{{name: "the API", handler: a.api, tls: public}, {name: "operations", handler: a.operators}}
	addresses := []string{c.Addr, c.OperationsAddr}
	if a.channels != nil {
		own, err := c.gatewayConfig.tls(public)
		if err != nil {
			return err
		}
		sites, addresses = append(sites, site{name: "channels", handler: a.channels, tls: own}), append(addresses, c.ChannelsAddr)
	}
	for i := range sites {
		if sites[i].listener, err = net.Listen("tcp", addresses[i]); err != nil {
			return fmt.Errorf("listening for %s: %w", sites[i].name, err)
		}
		addresses[i] = sites[i].listener.Addr().String()
	}
	a.log.Info("serving", "addr", addresses[0], "operations", addresses[1], "tls", public != nil, "channels", strings.Join(addresses[2:], ""))
	return serveSites(ctx, a.log, a.work, sites...)
}

// publicTLS is the certificate that the settings name; nil for plain HTTP.
func (c *listenConfig) publicTLS() (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}
