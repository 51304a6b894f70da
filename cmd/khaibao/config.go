package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"khaibao/internal/auth/firebase"
)

// storeConfig says where the store is and which keys open it.
type storeConfig struct {
	Store  string `help:"Where declarations are kept: mongodb://... or sqlite:DIR (for a small site)." placeholder:"URL"`
	Keys   string `help:"The key file that 'khaibao keys init' made." placeholder:"FILE" type:"path"`
	Keyset string `help:"The content of a key file, instead of a file." placeholder:"JSON" hidden:""`
}

// problems names everything that is wrong with the store's settings.
func (c *storeConfig) problems() []string {
	var out []string
	switch kind, rest, _ := strings.Cut(c.Store, ":"); {
	case c.Store == "":
		out = append(out, "--store (KHAIBAO_STORE) is missing: mongodb://host/database, or sqlite:DIR for a small site")
	case kind == "sqlite" && rest == "":
		out = append(out, "--store (KHAIBAO_STORE): sqlite: needs a directory, such as sqlite:/var/lib/khaibao")
	case kind != "sqlite" && kind != "mongodb" && kind != "mongodb+srv":
		out = append(out, "--store (KHAIBAO_STORE): knows mongodb:// and sqlite: only")
	}
	switch {
	case c.Keys == "" && c.Keyset == "":
		out = append(out, "--keys (KHAIBAO_KEYS) or KHAIBAO_KEYSET is missing: make a key file with 'khaibao keys init FILE'")
	case c.Keys != "" && c.Keyset != "":
		out = append(out, "--keys (KHAIBAO_KEYS) and KHAIBAO_KEYSET are both set: give one")
	default:
		if _, err := c.keys(); err != nil {
			out = append(out, err.Error())
		}
	}
	return out
}

// listenConfig says where and how the server listens.
type listenConfig struct {
	Addr           string   `help:"Where citizens' apps and officials connect." default:"127.0.0.1:8080"`
	OperationsAddr string   `help:"Where /healthz, /readyz and /metrics are served, away from the public." default:"127.0.0.1:9090"`
	TLSCert        string   `name:"tls-cert" help:"TLS certificate chain (PEM)." type:"path" placeholder:"FILE"`
	TLSKey         string   `name:"tls-key" help:"TLS private key (PEM)." type:"path" placeholder:"FILE"`
	TrustedProxies []string `help:"Addresses or networks of the proxies in front, whose X-Forwarded-For is believed." placeholder:"CIDR"`
}

func (c *listenConfig) problems() []string {
	var out []string
	for _, a := range []struct{ flag, addr string }{{"--addr (KHAIBAO_ADDR)", c.Addr}, {"--operations-addr (KHAIBAO_OPERATIONS_ADDR)", c.OperationsAddr}} {
		if _, _, err := splitAddr(a.addr); err != nil {
			out = append(out, a.flag+" must be host:port with a port from 0 to 65535")
		}
	}
	if sameAddr(c.Addr, c.OperationsAddr) {
		out = append(out, "--addr (KHAIBAO_ADDR) and --operations-addr (KHAIBAO_OPERATIONS_ADDR) must differ")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		out = append(out, "--tls-cert (KHAIBAO_TLS_CERT) and --tls-key (KHAIBAO_TLS_KEY) belong together")
	}
	for _, file := range []struct{ flag, path string }{{"--tls-cert (KHAIBAO_TLS_CERT)", c.TLSCert}, {"--tls-key (KHAIBAO_TLS_KEY)", c.TLSKey}} {
		if file.path == "" {
			continue
		}
		if _, err := os.Stat(file.path); err != nil {
			out = append(out, fmt.Sprintf("%s: %v", file.flag, err))
		}
	}
	if _, err := c.proxies(); err != nil {
		out = append(out, err.Error())
	}
	if c.TLSCert == "" && len(c.TrustedProxies) == 0 && !isLoopback(c.Addr) {
		out = append(out, "--addr (KHAIBAO_ADDR) is not loopback: give --tls-cert and --tls-key, or --trusted-proxies when a proxy in front ends TLS")
	}
	return out
}

// proxies gives the trusted networks.
func (c *listenConfig) proxies() ([]netip.Prefix, error) {
	return parseNetworks("--trusted-proxies (KHAIBAO_TRUSTED_PROXIES)", c.TrustedProxies)
}

// parseNetworks reads addresses and networks; a plain address is a network of one.
func parseNetworks(flag string, texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %q is neither an address nor a network", flag, text)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, prefix)
	}
	return out, nil
}

// splitAddr cuts host:port and reads the port.
func splitAddr(addr string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseUint(text, 10, 16)
	return host, uint16(number), err
}

// sameAddr tells whether two listeners would meet on one port; port 0 is always a port of its own.
func sameAddr(a, b string) bool {
	hostA, portA, errA := splitAddr(a)
	hostB, portB, errB := splitAddr(b)
	if errA != nil || errB != nil || portA != portB || portA == 0 {
		return false
	}
	return hostA == hostB || isEveryAddress(hostA) || isEveryAddress(hostB) || (isLoopback(a) && isLoopback(b) && (hostA == "localhost" || hostB == "localhost"))
}

func isEveryAddress(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || (err == nil && ip.IsUnspecified())
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

// channelConfig says how citizens are reached and how they sign in.
type channelConfig struct {
	SMSURL              string `name:"sms-url" help:"Kannel's sendsms address, such as http://127.0.0.1:13013/cgi-bin/sendsms." placeholder:"URL"`
	SMSUser             string `name:"sms-user" help:"Kannel's sendsms user."`
	SMSPassword         string `name:"sms-password" help:"Its password."`
	SMSFrom             string `name:"sms-from" help:"The sender that citizens see: a number of at most 15 digits or a brand name of at most 11 characters."`
	MessagesPerDay      int    `help:"Messages a local day that may disturb a household; the others wait in its inbox. Codes and emergencies always go. 0: any number." default:"6"`
	FirebaseProject     string `help:"Firebase project: pushes, and sign-in by Firebase phone authentication."`
	FirebaseCredentials string `help:"Service account of the Firebase project (JSON)." type:"path" placeholder:"FILE"`
	FirebaseEndpoint    string `help:"What stands in for Firebase Cloud Messaging on this machine, such as http://127.0.0.1:8082/v1: for rehearsals." hidden:"" placeholder:"URL"`
}

var senderForm = regexp.MustCompile(`^([0-9]{1,15}|[A-Za-z0-9 ._-]{1,11})$`)

func (c *channelConfig) problems() []string {
	var out []string
	if c.SMSURL == "" && c.FirebaseProject == "" {
		out = append(out, "nobody could sign in: give an SMS gateway (--sms-url, KHAIBAO_SMS_URL) or Firebase sign-in (--firebase-project, KHAIBAO_FIREBASE_PROJECT)")
	}
	if c.SMSURL != "" {
		if u, err := url.Parse(c.SMSURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			out = append(out, "--sms-url (KHAIBAO_SMS_URL) must be an http(s) address")
		}
		for _, needed := range []struct{ name, value string }{
			{"--sms-user (KHAIBAO_SMS_USER)", c.SMSUser}, {"--sms-password (KHAIBAO_SMS_PASSWORD)", c.SMSPassword}, {"--sms-from (KHAIBAO_SMS_FROM)", c.SMSFrom},
		} {
			if needed.value == "" {
				out = append(out, needed.name+" is missing for the SMS gateway")
			}
		}
	}
	if c.SMSFrom != "" && !senderForm.MatchString(c.SMSFrom) {
		out = append(out, "--sms-from (KHAIBAO_SMS_FROM) must be a number of at most 15 digits, or a brand name of at most 11 characters: letters, digits, space, dot, dash, underscore")
	}
	if c.MessagesPerDay < 0 {
		out = append(out, "--messages-per-day (KHAIBAO_MESSAGES_PER_DAY) must not be negative")
	}
	out = append(out, c.firebaseProblems()...)
	if err := firebase.CheckEnvironment(); err != nil {
		out = append(out, err.Error())
	}
	return out
}

func (c *channelConfig) firebaseProblems() []string {
	if c.FirebaseProject == "" {
		return nil
	}
	if c.FirebaseEndpoint != "" { // it takes pushes without credentials, so nobody may listen in between
		if u, err := url.Parse(c.FirebaseEndpoint); err != nil || u.Scheme != "http" || u.Port() == "" || !isLoopback(u.Host) {
			return []string{"--firebase-endpoint (KHAIBAO_FIREBASE_ENDPOINT) must be an http address with a port on this machine's loopback"}
		}
		return nil
	}
	if c.FirebaseCredentials == "" {
		return []string{"--firebase-credentials (KHAIBAO_FIREBASE_CREDENTIALS) is missing for the Firebase project"}
	}
	if _, err := os.Stat(c.FirebaseCredentials); err != nil {
		return []string{fmt.Sprintf("--firebase-credentials (KHAIBAO_FIREBASE_CREDENTIALS): %v", err)}
	}
	return nil
}

// budgetConfig bounds sign-ins, and how many households officials look up. An address may stand for a whole carrier behind its NAT, hence the wide default.
type budgetConfig struct {
	OTPPerPhoneHour   int           `name:"otp-per-phone-hour" help:"Codes an hour to one phone." default:"5"`
	OTPPerPhoneDay    int           `name:"otp-per-phone-day" help:"Codes a day to one phone." default:"10"`
	OTPPerAddressHour int           `name:"otp-per-address-hour" help:"Codes an hour asked for from one address; a carrier's NAT is one address." default:"600"`
	OTPPerDay         int           `name:"otp-per-day" help:"Codes a day in all: what SMS pumping can cost at most." default:"200000"`
	LookupsPerDay     int           `help:"Households a day that one official may look up by phone to declare for them." default:"500"`
	OTPResend         time.Duration `name:"otp-resend" help:"How long a phone waits before it may ask for another code." default:"60s"`
}

func (c *budgetConfig) problems() []string {
	var out []string
	for _, b := range []struct {
		flag  string
		value int
	}{
		{"--otp-per-phone-hour (KHAIBAO_OTP_PER_PHONE_HOUR)", c.OTPPerPhoneHour}, {"--otp-per-phone-day (KHAIBAO_OTP_PER_PHONE_DAY)", c.OTPPerPhoneDay},
		{"--otp-per-address-hour (KHAIBAO_OTP_PER_ADDRESS_HOUR)", c.OTPPerAddressHour}, {"--otp-per-day (KHAIBAO_OTP_PER_DAY)", c.OTPPerDay},
		{"--lookups-per-day (KHAIBAO_LOOKUPS_PER_DAY)", c.LookupsPerDay},
	} {
		if b.value < 1 {
			out = append(out, b.flag+" must be at least 1")
		}
	}
	if c.OTPResend < 0 {
		out = append(out, "--otp-resend (KHAIBAO_OTP_RESEND) must not be negative")
	}
	return out
}

// settingsError names every problem of the settings at once.
func settingsError(problems ...[]string) error {
	var all []string
	for _, p := range problems {
		all = append(all, p...)
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("the settings are wrong:\n  - %s", strings.Join(all, "\n  - "))
}
