package main

import (
	"os"
	"testing"
)

func TestCgroupMemory(t *testing.T) {
	for _, tt := range []struct {
		v2, v1 string
		want   int64
	}{{"536870912\n", "", 536870912}, {"max\n", "536870912", 0}, {"", "536870912\n", 536870912}, {"", "9223372036854771712\n", 0}, {"", "", 0}} {
		read := func(name string) ([]byte, error) {
			text := map[string]string{limitFiles[0]: tt.v2, limitFiles[1]: tt.v1}[name]
			if text == "" {
				return nil, os.ErrNotExist
			}
			return []byte(text), nil
		}
		if got, ok := cgroupMemory(read); ok != (tt.want != 0) || ok && got != tt.want {
			t.Errorf("%q, %q: %d, %t, want %d", tt.v2, tt.v1, got, ok, tt.want)
		}
	}
}
