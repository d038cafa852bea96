package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const hostileText = "a\x1b[2Jb\u009b31mc\x7fd\u202ee\u2066f\rg\x9bh\a"

// Names and error texts that strangers chose do not steer the terminal of who reads them.
func TestGuard(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{hostileText, "a?[2Jb?31mc?d?e?f?g?h?"},
		{"Größe 東京 e\u0301\n\t|", "Größe 東京 e\u0301\n\t|"},
		{"\x1b[31mDOWN\x1b[m \x1b[8m\x1b[38;5;1m\x1b]0;x\x07", "\x1b[31mDOWN\x1b[m ?[8m?[38;5;1m?]0;x?"},
		{"half \xe6\x9d", "half ??"},
	} {
		var b bytes.Buffer
		if n, err := (guard{&b}).Write([]byte(tt.in)); n != len(tt.in) || err != nil || b.String() != tt.want {
			t.Errorf("%q becomes %q (%d, %v), want %q", tt.in, b.String(), n, err, tt.want)
		}
	}
	if got, want := printable("a\x1b[31m\n\u009b\u202e"), "a?[31m???"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Everything the program says on standard error passes the guard.
func TestErrorsAreGuarded(t *testing.T) {
	var out, errs bytes.Buffer
	if status := run([]string{"frob" + hostileText, "--x" + hostileText}, strings.NewReader(""), &out, &errs); status != statusUsage {
		t.Errorf("status %d", status)
	}
	p := &program{stderr: guard{&errs}}
	p.printError(errors.New("server says " + hostileText))
	if errs.Len() == 0 || neutral(errs.String()) != errs.String() {
		t.Errorf("%q", errs.String())
	}
}

// Every command and form of output shows a record of hostile texts, and the others beside it.
func TestOutputIsGuarded(t *testing.T) {
	text := strings.NewReplacer("\x1b", `\u001b`, "\r", `\r`, "\a", `\u0007`).Replace(hostileText)
	one := func(id string) string {
		return `{"instanceId":"` + id + `","app":"` + id + `","hostName":"` + id + `","ipAddr":"` + id + `","status":"UP","vipAddress":"` + id +
			`","homePageUrl":"http:\/\/` + id + `","metadata":{"` + id + `":"\ud83d\ude00 ` + id + `"},"dataCenterInfo":{"@class":"x","name":"MyOwn"}}`
	}
	doc := `{"applications":{"versions__delta":"1","apps__hashcode":"UP_2_","application":[{"name":"` + text + `","instance":[` + one(text) +
		`]},{"name":"GOOD","instance":[` + one("good") + `]}]}}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(doc))
	}))
	defer srv.Close()
	for _, command := range []string{"instances", "apps"} {
		for _, form := range allFormats {
			var out, errs bytes.Buffer
			p := &program{stdin: strings.NewReader(""), stdout: guard{&out}, stderr: guard{&errs}}
			if status := p.execute([]string{command, "--server", srv.URL + "/eureka", "-o", form}); status != statusOK {
				t.Errorf("%s -o %s: status %d: %s", command, form, status, &errs)
			}
			if !strings.Contains(strings.ToLower(out.String()), "good") || neutral(out.String()) != out.String() {
				t.Errorf("%s -o %s: %q", command, form, out.String())
			}
		}
	}
}

// What control characters, pairs of surrogates and numbers say stays in YAML, and so does the order.
func TestYAMLOfAnything(t *testing.T) {
	var b bytes.Buffer
	doc := `{"z":"\u001b\u007f` + "\u009b\x7f" + `","a":["true","1",1,1.50,true,null,{},[]],"e":"\ud83d\ude00"}`
	if err := writeYAML(&b, []byte(doc)); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Z, E string
		A    []any
	}
	if err := yaml.Unmarshal(b.Bytes(), &got); err != nil || got.Z != "\x1b\x7f\u009b\x7f" || got.E != "😀" {
		t.Errorf("%q, %v", b.String(), err)
	}
	if len(got.A) != 8 || !slices.Equal(got.A[:6], []any{"true", "1", 1, 1.5, true, nil}) || !strings.HasPrefix(b.String(), "z:") {
		t.Errorf("%q", b.String())
	}
}
