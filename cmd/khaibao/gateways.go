package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"khaibao/handlers"
	"khaibao/internal/seal"
	"khaibao/internal/sms"
)

// gatewayConfig says which gateways of mobile networks may call us, and where.
type gatewayConfig struct {
	ChannelsAddr     string   `help:"Where the gateways of SMS and USSD call us, such as 127.0.0.1:8081. Without it citizens declare by the app only." placeholder:"ADDR"`
	ChannelsSecret   []string `help:"The secret that gateways show, at least 24 characters; two, with a comma between, while one takes the other's place." placeholder:"SECRET"`
	ChannelsAllow    []string `help:"Addresses or networks that gateways call from; this machine when the address is loopback." placeholder:"CIDR"`
	ChannelsClientCA string   `name:"channels-client-ca" help:"Gateways must show a client certificate of this authority (PEM)." type:"path" placeholder:"FILE"`
	ChannelsURL      string   `name:"channels-url" help:"How the SMS gateway reaches --channels-addr for its delivery reports; http and that address when it is loopback." placeholder:"URL"`
	SMSTurnsHour     int      `name:"sms-turns-hour" help:"SMS an hour from one number that are answered; each answer costs." default:"60"`
	SMSTurnsDay      int      `name:"sms-turns-day" help:"SMS a day from one number that are answered." default:"200"`
	USSDTurnsHour    int      `name:"ussd-turns-hour" help:"USSD screens an hour for one number." default:"400"`
}

// shortestSecret: 24 letters and digits at random are far beyond guessing.
const shortestSecret = 24

// problems names everything that is wrong with the gateways' settings, beside those of the other listeners.
func (c *gatewayConfig) problems(listen *listenConfig) []string {
	if c.ChannelsAddr == "" {
		if len(c.ChannelsSecret) > 0 || len(c.ChannelsAllow) > 0 || c.ChannelsClientCA != "" || c.ChannelsURL != "" {
			return []string{"--channels-addr (KHAIBAO_CHANNELS_ADDR) is missing: the other settings of the channels need it"}
		}
		return nil
	}
	out := c.addressProblems(listen)
	if _, err := c.reports(nil); err != nil && len(out) == 0 {
		out = append(out, err.Error())
	}
	if len(c.ChannelsSecret) == 0 && c.ChannelsClientCA == "" {
		out = append(out, "--channels-secret (KHAIBAO_CHANNELS_SECRET) is missing: give a secret, or --channels-client-ca for client certificates")
	}
	if len(c.ChannelsSecret) > 2 {
		out = append(out, "--channels-secret (KHAIBAO_CHANNELS_SECRET): at most two, the new one and the one it replaces")
	}
	if slices.ContainsFunc(c.ChannelsSecret, func(s string) bool { return len(s) < shortestSecret }) {
		out = append(out, fmt.Sprintf("--channels-secret (KHAIBAO_CHANNELS_SECRET) must have at least %d characters", shortestSecret))
	}
	if c.SMSTurnsHour < 1 || c.SMSTurnsDay < 1 || c.USSDTurnsHour < 1 {
		out = append(out, "--sms-turns-hour, --sms-turns-day and --ussd-turns-hour (KHAIBAO_SMS_TURNS_HOUR ...) must be at least 1")
	}
	if _, err := c.networks(); err != nil {
		out = append(out, err.Error())
	}
	if _, err := c.authority(); err != nil {
		out = append(out, err.Error())
	}
	return out
}

func (c *gatewayConfig) addressProblems(listen *listenConfig) []string {
	const flag = "--channels-addr (KHAIBAO_CHANNELS_ADDR)"
	var out []string
	if _, _, err := splitAddr(c.ChannelsAddr); err != nil {
		return []string{flag + " must be host:port with a port from 0 to 65535"}
	}
	if sameAddr(c.ChannelsAddr, listen.Addr) || sameAddr(c.ChannelsAddr, listen.OperationsAddr) {
		out = append(out, flag+" must differ from --addr and --operations-addr")
	}
	if !isLoopback(c.ChannelsAddr) && listen.TLSCert == "" && len(listen.TrustedProxies) == 0 {
		out = append(out, flag+" is not loopback: give --tls-cert and --tls-key, or --trusted-proxies when a proxy in front ends TLS")
	}
	if !isLoopback(c.ChannelsAddr) && len(c.ChannelsAllow) == 0 {
		out = append(out, flag+" is not loopback: name in --channels-allow (KHAIBAO_CHANNELS_ALLOW) the addresses that gateways call from")
	}
	if c.ChannelsClientCA != "" && listen.TLSCert == "" {
		out = append(out, "--channels-client-ca (KHAIBAO_CHANNELS_CLIENT_CA) needs --tls-cert and --tls-key")
	}
	return out
}

// networks are those that may call; on loopback this machine unless others are named.
func (c *gatewayConfig) networks() ([]netip.Prefix, error) {
	return parseNetworks("--channels-allow (KHAIBAO_CHANNELS_ALLOW)", c.ChannelsAllow)
}

// authority reads the certificates that sign gateways' own; nil when none are asked for.
func (c *gatewayConfig) authority() (*x509.CertPool, error) {
	if c.ChannelsClientCA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.ChannelsClientCA)
	if err != nil {
		return nil, fmt.Errorf("--channels-client-ca (KHAIBAO_CHANNELS_CLIENT_CA): %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("--channels-client-ca (KHAIBAO_CHANNELS_CLIENT_CA): no certificate in it")
	}
	return pool, nil
}

// gateways is who may call.
func (c *gatewayConfig) gateways() (handlers.Gateways, error) {
	networks, err := c.networks()
	return handlers.Gateways{Secrets: c.ChannelsSecret, Certificates: c.ChannelsClientCA != "", Networks: networks}, err
}

// tls is how the channels' listener speaks: plainly on loopback, unless client certificates are asked for.
func (c *gatewayConfig) tls(public *tls.Config) (*tls.Config, error) {
	if public == nil || (isLoopback(c.ChannelsAddr) && c.ChannelsClientCA == "") {
		return nil, nil
	}
	own := public.Clone()
	pool, err := c.authority()
	if pool != nil {
		own.ClientCAs, own.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return own, err
}

// reports is how the SMS gateway says what became of our messages; nil when nobody listens.
func (c *gatewayConfig) reports(keys *seal.Keys) (*sms.Reports, error) {
	if c.ChannelsAddr == "" {
		return nil, nil
	}
	base := c.ChannelsURL
	if base == "" {
		if !isLoopback(c.ChannelsAddr) || c.ChannelsClientCA != "" {
			return nil, errors.New("--channels-url (KHAIBAO_CHANNELS_URL) is missing: how the SMS gateway reaches --channels-addr, such as https://channels.example:8443")
		}
		base = "http://" + c.ChannelsAddr
	}
	reports, err := sms.NewReports(strings.TrimSuffix(base, "/")+"/channels/sms/report", keys)
	if err != nil {
		return nil, fmt.Errorf("--channels-url (KHAIBAO_CHANNELS_URL): %w", err)
	}
	return reports, nil
}
