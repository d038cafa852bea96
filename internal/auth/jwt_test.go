package auth_test

import (
	"errors"
	"testing"
	"time"

	"heureka.internal/heureka/internal/auth"
)

// oneToken knows the token "good" until its end.
type oneToken struct {
	end        time.Time
	generation uint64
	asked      int
}

func (o *oneToken) Generation() uint64 { return o.generation }

func (o *oneToken) Verify(token string, now time.Time) (auth.Principal, time.Time, error) {
	if o.asked++; token != "good" || !now.Before(o.end) {
		return auth.Principal{}, time.Time{}, errors.New("bad token")
	}
	return auth.Principal{Name: "app", Proof: auth.ByJWT}, o.end, nil
}

// A verified token is not verified again until it ends or keys change; a wrong one is not remembered.
func TestVerifiedTokensAreRemembered(t *testing.T) {
	now := time.Now()
	issuer := &oneToken{end: now.Add(time.Hour)}
	a, err := auth.New(auth.Config{Local: auth.Local{JWT: issuer, Applications: map[string][]string{"app": {"ORDERS"}}}})
	if err != nil {
		t.Fatal(err)
	}
	show := func(token string, after time.Duration, wrong bool, asked int) {
		t.Helper()
		p := a.Identify("Bearer "+token, "192.0.2.1", now.Add(after))
		if p.Wrong != wrong || p.Proof != auth.ByJWT || !wrong && !p.Owns("ORDERS") || issuer.asked != asked {
			t.Errorf("%s after %s: %+v, asked %d times, want %d", token, after, p, issuer.asked, asked)
		}
	}
	show("good", 0, false, 1)
	show("good", 59*time.Minute, false, 1)
	show("bad", 0, true, 2)
	show("bad", 0, true, 3)
	issuer.generation++
	show("good", 59*time.Minute, false, 4)
	show("good", 59*time.Minute, false, 4)
	show("good", time.Hour, true, 5)
}
