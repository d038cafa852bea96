package heureka

import "strconv"

// StatusCounts counts instances by status; it is what the registry hash is made of (W-HASH-1). The zero value is empty.
type StatusCounts [statusCount]int64

// hashOrder is the ascending order of the status names (W-HASH-2).
var hashOrder = [statusCount]Status{StatusDown, StatusOutOfService, StatusStarting, StatusUnknown, StatusUp}

// Add counts n more instances of status s; n may be negative.
func (c *StatusCounts) Add(s Status, n int64) {
	if s >= statusCount {
		s = StatusUnknown
	}
	c[s] += n
}

// Total returns the number of instances of any status.
func (c StatusCounts) Total() int64 {
	var n int64
	for _, k := range c {
		n += k
	}
	return n
}

// Hash returns the registry hash, such as "DOWN_1_UP_12_"; no instances at all give "".
func (c StatusCounts) Hash() string { return string(c.AppendHash(nil)) }

// AppendHash appends Hash to b.
func (c StatusCounts) AppendHash(b []byte) []byte {
	for _, s := range hashOrder {
		if c[s] == 0 {
			continue
		}
		b = append(b, s.String()...)
		b = append(b, '_')
		b = strconv.AppendInt(b, c[s], 10)
		b = append(b, '_')
	}
	return b
}

// Count counts the instances of a by their status, each application on its own (W-HASH-3).
func (a *Applications) Count() StatusCounts {
	var c StatusCounts
	for _, app := range a.Apps {
		for _, in := range app.Instances {
			c.Add(in.Status, 1)
		}
	}
	return c
}
