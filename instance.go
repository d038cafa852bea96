package heureka

// An Instance is one registered process, with the fields of the wire (W-FLD-3). Instances that a registry, a snapshot or
// a watch hands out are shared between goroutines and must not be changed: change a copy (see Clone).
type Instance struct {
	App              string // upper case
	ID               string // instanceId as sent; may be empty, see Key
	HostName         string
	IPAddr           string
	SID              string // legacy; "" stands for the never written "na"
	Status           Status
	OverriddenStatus Status // StatusUnknown: no override
	Port             Port
	SecurePort       Port
	CountryID        int // legacy, 1 unless sent
	DataCenter       *DataCenter
	Lease            LeaseInfo
	Metadata         Metadata

	AppGroupName         string
	HomePageURL          string
	StatusPageURL        string
	HealthCheckURL       string
	SecureHealthCheckURL string
	VIPAddress           string // comma-separated list, compared piece by piece without trimming (W-VIP-3)
	SecureVIPAddress     string
	ASGName              string

	CoordinatingServer bool  // true only for the answering server's own instance
	LastUpdatedMS      int64 // server's clock, ms since the epoch
	LastDirtyMS        int64 // client's clock, ms since the epoch: comparable only with itself
	Action             Action

	// Blank holds the optional fields that were sent as an empty string: they are written back so, while an absent
	// field is not written at all (W-FLD-4).
	Blank Fields
}

// Fields is a set of optional string fields of an Instance.
type Fields uint16

// The optional string fields.
const (
	FieldInstanceID Fields = 1 << iota
	FieldAppGroupName
	FieldHomePageURL
	FieldStatusPageURL
	FieldHealthCheckURL
	FieldSecureHealthCheckURL
	FieldVIPAddress
	FieldSecureVIPAddress
	FieldASGName
	FieldSID
)

// Has reports whether all fields of f are in the set.
func (s Fields) Has(f Fields) bool { return s&f == f }

// A Port is a port number and whether it is in use.
type Port struct {
	Number  int
	Enabled bool
}

// What a record has when its sender leaves the field out (W-FLD-3).
const (
	DefaultPort              = 7001
	DefaultSecurePort        = 7002
	DefaultCountryID         = 1
	DefaultRenewalIntervalS  = 30
	DefaultLeaseDurationSecs = 90
)

// LeaseInfo is the lease as the wire shows it. The two intervals are the client's, the four times the server's.
type LeaseInfo struct {
	RenewalIntervalSecs int64
	DurationSecs        int64
	RegistrationMS      int64
	LastRenewalMS       int64 // in the future by one duration after a renewal, as on the reference (W-FLD-9)
	EvictionMS          int64
	ServiceUpMS         int64
}

// DataCenterName is one of the three names that the protocol knows.
type DataCenterName string

// The data centre names (W-FLD-5). Only Amazon carries metadata.
const (
	MyOwn   DataCenterName = "MyOwn"
	Netflix DataCenterName = "Netflix"
	Amazon  DataCenterName = "Amazon"
)

// A DataCenter says where an instance runs. It is immutable once part of an Instance, and shared between instances.
type DataCenter struct {
	Name     DataCenterName // "" when the sender left it out, which no server accepts
	Metadata Metadata       // Amazon only
}

// OwnDataCenter is the data centre of everybody who runs outside Amazon.
var OwnDataCenter = &DataCenter{Name: MyOwn}

// NetflixDataCenter is the shared value for the name Netflix.
var NetflixDataCenter = &DataCenter{Name: Netflix}

// amazonID is the metadata key under which Amazon instances carry their id.
const amazonID = "instance-id"

// ResolvedID returns the id by which servers and clients know the instance: the instance id, else the Amazon instance
// id, else the host name (W-IDENT-1).
func (in *Instance) ResolvedID() string {
	if in.ID != "" {
		return in.ID
	}
	if in.DataCenter != nil && in.DataCenter.Name == Amazon {
		if id := in.DataCenter.Metadata.Get(amazonID); id != "" {
			return id
		}
	}
	return in.HostName
}

// Key returns the application and the resolved id.
func (in *Instance) Key() Key { return Key{App: in.App, ID: in.ResolvedID()} }

// Clone returns a copy whose fields can be assigned. Metadata and DataCenter are immutable and shared with the original.
func (in *Instance) Clone() *Instance {
	c := *in
	return &c
}

// An Application is the instances registered under one name.
type Application struct {
	Name      string
	Instances []*Instance
}

// Applications is a whole registry or a delta as the wire carries it.
type Applications struct {
	Version int64  // versions__delta
	Hash    string // apps__hashcode: of the whole registry, also in a delta (W-DELTA-6)
	Apps    []*Application
}
