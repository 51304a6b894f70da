package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Officials are administered beside a running server, which minds it from the next request on; and without one too.
func TestAdminBesideAServer(t *testing.T) {
	t.Parallel()
	for name, address := range testStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, address(t))
			official := d.appoint("national", "national_manager", "VN")
			s := d.serve()
			token := s.login(official, &authenticator{}).Access
			s.want(http.StatusOK, "GET", "/v1/cases", token, nil)
			d.admin("disable", "national")
			s.want(http.StatusUnauthorized, "GET", "/v1/cases", token, nil)
			added := d.appoint("second", "national_manager", "VN")
			s.want(http.StatusOK, "GET", "/v1/cases", s.login(added, &authenticator{}).Access, nil)
			if err := s.stop(); err != nil {
				t.Fatal(err)
			}
			if said := d.admin("list"); !strings.Contains(said, "national") || !strings.Contains(said, "second") {
				t.Errorf("the list without a server:\n%s", said)
			}
		})
	}
}

// Only adding the first official makes a store; a mistyped directory is refused.
func TestAdminNeedsAStore(t *testing.T) {
	t.Parallel()
	slow(t)
	d := deploy(t, "sqlite:"+filepath.Join(t.TempDir(), "mistyped"))
	refused(t, nil, []string{"admin", "--store", d.store, "--keys", d.keys, "disable", "national"}, "there is no store in")
	if _, err := os.Stat(strings.TrimPrefix(d.store, "sqlite:")); !os.IsNotExist(err) {
		t.Errorf("the refusal left a directory: %v", err)
	}
}
