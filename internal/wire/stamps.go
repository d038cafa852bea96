package wire

import (
	"strconv"
	"strings"

	"heureka.internal/heureka"
)

// HeaderStamps is the header of a batch in which a heureka node says when operators gave the commands in it: one text for each
// registration and change of an override, in their order. Other servers know no such times, and refuse members of items that
// they do not know.
//
// Numbers are in base 36. Of a change of an override it has six, separated by dots: time and node of the clock, what became of the
// command since, dirty timestamp and revision of the record that it was about, and the status of one that removed an override.
// A number left out is that of the change before; of the dirty timestamp, that of the item. Of a registration it has, with commas
// between them, an equals sign and the status that the client says, and one text for each entry of the metadata that an operator has
// set: its place, time and node, again separated by dots.
// A dash says nothing.
const HeaderStamps = "X-Heureka-Stamps"

// maxStamps bounds the header: Java's servers refuse requests with more than 8 KiB of headers. Registrations leave out their metadata
// where it would become longer.
const maxStamps = 4 << 10

// A Stamp says when a command about a status was given, and about what.
type Stamp struct {
	Time, Node uint64
	Rev        uint64
	DirtyMS    int64
	RecordRev  uint64
	Restored   heureka.Status // of a command that removed an override
}

// A MetadataStamp says when an operator set one entry of a record's metadata.
type MetadataStamp struct {
	Place      int // of the entry
	Time, Node uint64
}

// stamped reports whether HeaderStamps has a text for an item.
func (it *ReplicationItem) stamped() bool {
	return it.Action == Register || it.Action == StatusUpdate || it.Action == DeleteStatusOverride
}

// Stamps returns the header for items, "" if there is nothing to say.
func Stamps(items []ReplicationItem) string {
	var (
		b    []byte
		last Stamp
		says bool
	)
	for i := range items {
		it := &items[i]
		if !it.stamped() {
			continue
		}
		before := len(b)
		if b = append(b, ' '); it.Stamp != nil {
			b, last = appendStamp(b, it, &last), *it.Stamp
		}
		if it.HasOwn {
			b = strconv.AppendUint(append(b, '='), uint64(it.Own), 36)
		}
		if more := appendMetadataStamps(b, it); len(more) <= maxStamps {
			b = more
		}
		if len(b) == before+1 {
			b = append(b, '-')
			continue
		}
		says = true
	}
	if !says {
		return ""
	}
	return string(b[1:])
}

func appendStamp(b []byte, it *ReplicationItem, last *Stamp) []byte {
	s := it.Stamp
	b = strconv.AppendUint(b, s.Time, 36)
	for _, n := range [...][2]uint64{
		{s.Node, last.Node}, {s.Rev, last.Rev}, {uint64(s.DirtyMS), uint64(it.LastDirtyMS)}, {s.RecordRev, last.RecordRev},
		{uint64(s.Restored), uint64(last.Restored)},
	} {
		if b = append(b, '.'); n[0] != n[1] {
			b = strconv.AppendUint(b, n[0], 36)
		}
	}
	return b
}

func appendMetadataStamps(b []byte, it *ReplicationItem) []byte {
	for i, s := range it.MetadataStamps {
		if i > 0 || it.HasOwn {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(s.Place), 36)
		b = strconv.AppendUint(append(b, '.'), s.Time, 36)
		b = strconv.AppendUint(append(b, '.'), s.Node, 36)
	}
	return b
}

func setStamps(stamped []*ReplicationItem, header string) {
	texts := strings.Fields(header)
	if len(texts) != len(stamped) {
		return
	}
	r := stampReader{}
	for i, text := range texts {
		r.read(stamped[i], text)
	}
	if !r.bad {
		return
	}
	for _, it := range stamped {
		it.Stamp, it.MetadataStamps, it.HasOwn, it.Own = nil, nil, false, heureka.StatusUnknown
	}
}

type stampReader struct {
	last Stamp
	bad  bool
}

func (r *stampReader) read(it *ReplicationItem, text string) {
	switch {
	case text == "-":
	case it.Action == Register:
		for each := range strings.SplitSeq(text, ",") {
			if own, ok := strings.CutPrefix(each, "="); ok {
				it.Own, it.HasOwn = r.status(own), true
				continue
			}
			var n [3]uint64
			r.numbers(each, n[:])
			it.MetadataStamps = append(it.MetadataStamps, MetadataStamp{int(n[0] & 0xffffff), n[1], n[2]})
		}
	default:
		n := [...]uint64{0, r.last.Node, r.last.Rev, uint64(it.LastDirtyMS), r.last.RecordRev, uint64(r.last.Restored)}
		r.numbers(text, n[:])
		r.bad = r.bad || n[5] > uint64(heureka.StatusUp)
		r.last = Stamp{n[0], n[1], n[2], int64(n[3]), n[4], heureka.Status(n[5])}
		it.Stamp = new(r.last)
	}
}

func (r *stampReader) status(text string) heureka.Status {
	n, err := strconv.ParseUint(text, 36, 8)
	r.bad = r.bad || err != nil || n > uint64(heureka.StatusUp)
	return heureka.Status(n)
}

// numbers reads numbers that dots separate; one that is left out stays as it is.
func (r *stampReader) numbers(text string, n []uint64) {
	parts := strings.Split(text, ".")
	if r.bad = r.bad || len(parts) != len(n); r.bad {
		return
	}
	for i, part := range parts {
		if part == "" {
			continue
		}
		var err error
		n[i], err = strconv.ParseUint(part, 36, 64)
		r.bad = r.bad || err != nil
	}
}
