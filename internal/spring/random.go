package spring

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// random serves ${random.uuid} and its kin, often part of an instance id. It is drawn when the settings are read and stays.
func random(name string) (string, bool) {
	kind, ok := strings.CutPrefix(name, "random.")
	switch {
	case !ok:
		return "", false
	case kind == "uuid":
		b := randomBytes()
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), true
	case kind == "value":
		return hex.EncodeToString(randomBytes()), true
	case kind == "int":
		return strconv.Itoa(int(int32(rand.Uint32()))), true
	case kind == "long":
		return strconv.FormatInt(int64(rand.Uint64()), 10), true
	}
	if bounds, ok := strings.CutPrefix(kind, "int"); ok {
		return randomRange(bounds, 32)
	}
	if bounds, ok := strings.CutPrefix(kind, "long"); ok {
		return randomRange(bounds, 64)
	}
	return "", false
}

func randomBytes() []byte {
	b := binary.LittleEndian.AppendUint64(nil, rand.Uint64())
	return binary.LittleEndian.AppendUint64(b, rand.Uint64())
}

// randomRange serves (max) and [min,max]: min counts, max does not.
func randomRange(bounds string, bits int) (string, bool) {
	if len(bounds) < 3 {
		return "", false
	}
	from, to, found := strings.Cut(bounds[1:len(bounds)-1], ",")
	if !found {
		from, to = "0", from
	}
	low, err1 := strconv.ParseInt(strings.TrimSpace(from), 10, bits)
	high, err2 := strconv.ParseInt(strings.TrimSpace(to), 10, bits)
	if err1 != nil || err2 != nil || high-low <= 0 { // too far apart for 64 bits is negative, too
		return "", false
	}
	return strconv.FormatInt(low+rand.Int64N(high-low), 10), true
}
