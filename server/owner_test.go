package server_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"heureka.internal/heureka/server"
)

// Who has applications registers these and no others; who has none, those that nobody has. Operators cancel whatever there is.
func TestOwnership(t *testing.T) {
	change := func(ownership string) func(*server.Config) {
		return func(c *server.Config) {
			c.Auth.Ownership = ownership
			c.Auth.UserRoles = map[string][]string{"ann": {"register"}, "register": {"register"}, "operate": {"operate"}, "admin": {"admin"}}
			c.Auth.Applications = map[string][]string{"register": {"ORDERS", "pay-*"}, "admin": {"X"}}
			c.Auth.JWT = server.JWT{PublicKey: issuerPEM, Audiences: []string{"registry"}, Algorithms: []string{"EdDSA"}}
			c.Auth.Applications["shop-sa"] = []string{"SHOP"}
		}
	}
	ask := func(h *server.Server, method, path, who string) int {
		r := httptest.NewRequest(method, path, nil)
		if app, ok := strings.CutPrefix(who, "jwt "); ok {
			r.Header.Set("Authorization", "Bearer "+signed(t, app, "register"))
		} else {
			r.SetBasicAuth(who, "p")
		}
		w := httptest.NewRecorder()
		h.Handler().ServeHTTP(w, r)
		if w.Code == 403 && w.Body.Len() > 0 {
			t.Errorf("%s %s: a body", method, path)
		}
		return w.Code
	}
	enforced, observed, off := guarded(t, change("")), guarded(t, change("observe")), guarded(t, change("off"))
	for _, tt := range []struct {
		method, path, who string
		owns              bool
	}{
		{"PUT", "/eureka/apps/ORDERS/1", "register", true}, {"PUT", "/eureka/apps/orders/1", "register", true}, {"PUT", "/eureka/v2/apps/%4FRDERS;x/1", "register", true},
		{"PUT", "/eureka/apps/PAY-A/1", "register", true}, {"DELETE", "/eureka/apps/PAY-/1", "register", true}, {"PUT", "/eureka/apps/PAY-A/1/metadata?k=v", "register", true},
		{"PUT", "/eureka/apps/PAY/1", "register", false}, {"PUT", "/eureka/apps/ORDERS2/1", "register", false}, {"DELETE", "/eureka/apps/SHOP/1", "register", false},
		{"POST", "/eureka/apps/SHOP", "register", false}, {"PUT", "/v2/apps/sho%50/1", "register", false},
		{"PUT", "/eureka/apps/SHOP/1", "jwt shop-sa", true}, {"PUT", "/eureka/apps/ORDERS/1", "jwt shop-sa", false},
		{"PUT", "/eureka/apps/SHOP/1", "jwt other", false}, {"PUT", "/eureka/apps/FREE/1", "jwt other", true}, {"PUT", "/eureka/apps/FREE/1/metadata?k=v", "jwt other", true},
		{"DELETE", "/eureka/apps/SHOP/1", "operate", true}, {"PUT", "/eureka/apps/SHOP/1/metadata?k=v", "operate", true}, {"PUT", "/eureka/apps/SHOP/1", "operate", false},
		{"PUT", "/eureka/apps/SHOP/1", "admin", true},
	} {
		got := ask(enforced, tt.method, tt.path, tt.who)
		if (got == 403) == tt.owns {
			t.Errorf("%s %s as %s: %d", tt.method, tt.path, tt.who, got)
		}
		for name, node := range map[string]*server.Server{"observed": observed, "off": off} {
			if got := ask(node, tt.method, tt.path, tt.who); got == 403 && tt.who != "operate" { // who lacks the role
				t.Errorf("%s: %s %s as %s: %d", name, tt.method, tt.path, tt.who, got)
			}
		}
	}
	numbers := askAs(observed.Handler(), "GET", "/metrics", "metrics", "token").Body.String()
	if want := `heureka_auth_denied_total{mode="observe",role="register",why="not-owner"} `; !strings.Contains(numbers, want) {
		t.Errorf("no %s", want)
	}
}
