package wire

import (
	"errors"
	"strconv"
	"unicode"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/packed"
)

// Limits bounds what a body becomes, where its size alone does not: a byte of JSON can make a hundred of memory. Zero is no
// limit.
type Limits struct {
	NameBytes       int // of an application and an id
	TextBytes       int // of any other text of a record, metadata aside
	MetadataEntries int // of a record, and of its data centre
	BatchEntries    int
}

// ErrTooManyEntries refuses a batch before its entries have taken memory.
var ErrTooManyEntries = errors.New("batch has too many entries")

// A LimitError says which limit a record exceeds.
type LimitError string

func (e LimitError) Error() string { return string(e) }

// DecodeInstance is like the function of this name, within limits. Its error is a LimitError for a record that exceeds one.
func (l Limits) DecodeInstance(f Format, body []byte) (*heureka.Instance, error) {
	if f == JSON {
		return decodeRegistrationJSON(body, l)
	}
	return decodeRegistrationXML(body, l)
}

// DecodeBatch is like the function of this name, within limits. A batch with too many entries is ErrTooManyEntries; an entry
// that exceeds another limit has a Fault, and leaves the others alone.
func (l Limits) DecodeBatch(body []byte) ([]ReplicationItem, error) {
	d := batchReader{scanner: newScanner(body, false)}
	d.limits = l
	return d.read()
}

// DecodeBatchEntry decodes one entry of a batch that is too long to be held.
func (l Limits) DecodeBatchEntry(entry []byte) (ReplicationItem, error) {
	d := batchReader{scanner: newScanner(entry, false)}
	d.limits = l
	it := d.item()
	return it, d.failure()
}

// full reports whether pairs holds more entries than a record may have. What follows takes no memory.
func (l *Limits) full(pairs []pair) bool {
	return l.MetadataEntries > 0 && len(pairs) > l.MetadataEntries
}

// Check returns a LimitError if a record exceeds a limit.
func (l *Limits) Check(in *heureka.Instance) error {
	if err := l.CheckKey(heureka.Key{App: in.App, ID: in.ResolvedID()}); err != nil {
		return err
	}
	for _, t := range [...]struct{ name, text string }{
		{"hostName", in.HostName}, {"ipAddr", in.IPAddr}, {"sid", in.SID}, {"appGroupName", in.AppGroupName},
		{"homePageUrl", in.HomePageURL}, {"statusPageUrl", in.StatusPageURL}, {"healthCheckUrl", in.HealthCheckURL},
		{"secureHealthCheckUrl", in.SecureHealthCheckURL}, {"vipAddress", in.VIPAddress},
		{"secureVipAddress", in.SecureVIPAddress}, {"asgName", in.ASGName},
	} {
		if l.TextBytes > 0 && len(t.text) > l.TextBytes {
			return tooLong(t.name, len(t.text), l.TextBytes, "text-bytes")
		}
	}
	return l.CheckMetadata(in)
}

// Size returns about how many bytes a record has in a document.
func Size(in *heureka.Instance) int { return packed.Weight(in) }

// CheckMetadata returns a LimitError if a record has too many entries of metadata.
func (l *Limits) CheckMetadata(in *heureka.Instance) error {
	n := len(in.Metadata)
	if in.DataCenter != nil {
		n = max(n, len(in.DataCenter.Metadata))
	}
	if l.MetadataEntries > 0 && n > l.MetadataEntries {
		return tooManyEntries(l.MetadataEntries)
	}
	return nil
}

// CheckKey returns a LimitError if a key is too long, or cannot be shown as it is: it goes into paths, logs and terminals.
func (l *Limits) CheckKey(key heureka.Key) error {
	for _, n := range [...]struct{ name, text string }{{"app", key.App}, {"instanceId", key.ID}} {
		if l.NameBytes > 0 && len(n.text) > l.NameBytes {
			return tooLong(n.name, len(n.text), l.NameBytes, "name-bytes")
		}
		for _, r := range n.text {
			if l.NameBytes > 0 && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
				return LimitError("instance." + n.name + ": has the control character " + strconv.QuoteRuneToASCII(r))
			}
		}
	}
	return nil
}

func tooLong(name string, n, limit int, setting string) error {
	return LimitError("instance." + name + ": has " + strconv.Itoa(n) + " bytes, heureka.limits." + setting + " allows " + strconv.Itoa(limit))
}

func tooManyEntries(limit int) error {
	return LimitError("instance.metadata: has more than the " + strconv.Itoa(limit) + " entries of heureka.limits.metadata-entries")
}
