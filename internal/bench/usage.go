package bench

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// A Usage is what a process has consumed so far.
type Usage struct {
	CPU      time.Duration // user and system
	Resident int64         // bytes
	OK       bool          // there is such a process
}

// clockTick is the unit of the times in /proc, fixed at 1/100 s for programs on Linux.
const clockTick = 10 * time.Millisecond

// UsageOf reads the figures of a process from /proc; OK is false where there is none.
func UsageOf(pid int) Usage {
	if pid <= 0 {
		return Usage{}
	}
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err1 := os.ReadFile(dir + "/stat")
	statm, err2 := os.ReadFile(dir + "/statm")
	if err1 != nil || err2 != nil {
		return Usage{}
	}
	return parseUsage(string(stat), string(statm), int64(os.Getpagesize()))
}

// parseUsage reads user and system time, the 14th and 15th fields of stat, counted from behind the command's name, which
// may contain anything, and the resident pages of statm.
func parseUsage(stat, statm string, pageSize int64) Usage {
	_, rest, found := strings.Cut(stat[strings.LastIndexByte(stat, '(')+1:], ") ")
	fields, pages := strings.Fields(rest), strings.Fields(statm)
	if !found || len(fields) < 13 || len(pages) < 2 {
		return Usage{}
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	resident, err3 := strconv.ParseInt(pages[1], 10, 64)
	return Usage{
		CPU:      time.Duration(user+system) * clockTick,
		Resident: resident * pageSize,
		OK:       err1 == nil && err2 == nil && err3 == nil,
	}
}
