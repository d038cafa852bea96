package spring

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ParseBool takes the words that Spring takes.
func ParseBool(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "on", "yes", "1":
		return true, nil
	case "false", "off", "no", "0":
		return false, nil
	}
	return false, errors.New("want true or false")
}

// ParseInt reads a whole number; YAML allows underscores in it.
func ParseInt(text string) (int64, error) {
	n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(text), "_", ""), 10, 64)
	if err != nil {
		return 0, errors.New("want a whole number")
	}
	return n, nil
}

var (
	days    = regexp.MustCompile(`^(\d{1,6})d$`)
	isoSpan = regexp.MustCompile(`^PT(\d+H)?(\d+M)?(\d+(?:\.\d+)?S)?$`)
)

// ParseDuration reads what Go and Spring both call durations: 90s, 15m, 1h30m, 2d, PT15M. A whole number counts the unit.
// None is negative.
func ParseDuration(text string, unit time.Duration) (time.Duration, error) {
	wanted := errors.New("want a duration such as 90s or 15m")
	if n, err := ParseInt(text); err == nil {
		d := time.Duration(n) * unit
		if n < 0 || d/unit != time.Duration(n) {
			return 0, wanted
		}
		return d, nil
	}
	text = strings.TrimSpace(text)
	if m := days.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		text = strconv.Itoa(24*n) + "h"
	} else if iso := strings.ToUpper(text); isoSpan.MatchString(iso) {
		text = strings.ToLower(iso[2:])
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, wanted
	}
	return d, nil
}

// SplitList reads a comma list. Empty elements do not count.
func SplitList(text string) []string {
	var list []string
	for piece := range strings.SplitSeq(text, ",") {
		if piece = strings.TrimSpace(piece); piece != "" {
			list = append(list, piece)
		}
	}
	return list
}
