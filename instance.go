package heureka

// An Instance is one registered process, with the fields of the wire (W-FLD-3). Its JSON is for people and programs of your own;
// servers speak the wire's. Instances that a registry, a snapshot or
// a watch hands out are shared between goroutines and must not be changed: change a copy (see Clone).
type Instance struct {
	App              string      `json:"app"` // upper case
	ID               string      `json:"id"`  // instanceId as sent; may be empty, see Key
	HostName         string      `json:"hostName"`
	IPAddr           string      `json:"ipAddr"`
	SID              string      `json:"sid,omitzero"` // legacy; "" stands for the never written "na"
	Status           Status      `json:"status"`
	OverriddenStatus Status      `json:"overriddenStatus,omitzero"` // StatusUnknown: no override
	Port             Port        `json:"port"`
	SecurePort       Port        `json:"securePort,omitzero"`
	CountryID        int         `json:"countryId,omitzero"` // legacy, 1 unless sent
	DataCenter       *DataCenter `json:"dataCenter,omitzero"`
	Lease            LeaseInfo   `json:"lease,omitzero"`
	Metadata         Metadata    `json:"metadata,omitzero"`

	AppGroupName         string `json:"appGroupName,omitzero"`
	HomePageURL          string `json:"homePageUrl,omitzero"`
	StatusPageURL        string `json:"statusPageUrl,omitzero"`
	HealthCheckURL       string `json:"healthCheckUrl,omitzero"`
	SecureHealthCheckURL string `json:"secureHealthCheckUrl,omitzero"`
	VIPAddress           string `json:"vipAddress,omitzero"` // comma-separated list, compared piece by piece without trimming (W-VIP-3)
	SecureVIPAddress     string `json:"secureVipAddress,omitzero"`
	ASGName              string `json:"asgName,omitzero"`

	CoordinatingServer bool   `json:"coordinatingServer,omitzero"` // true only for the answering server's own instance
	LastUpdatedMS      int64  `json:"lastUpdatedMS,omitzero"`      // server's clock, ms since the epoch
	LastDirtyMS        int64  `json:"lastDirtyMS,omitzero"`        // client's clock, ms since the epoch: comparable only with itself
	Action             Action `json:"action,omitzero"`

	// Blank holds the optional fields that were sent as an empty string: they are written back so, while an absent
	// field is not written at all (W-FLD-4).
	Blank Fields `json:"-"`
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
	Number  int  `json:"number"`
	Enabled bool `json:"enabled"`
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
	RenewalIntervalSecs int64 `json:"renewalIntervalSecs"`
	DurationSecs        int64 `json:"durationSecs"`
	RegistrationMS      int64 `json:"registrationMS,omitzero"`
	LastRenewalMS       int64 `json:"lastRenewalMS,omitzero"` // in the future by one duration after a renewal, as on the reference (W-FLD-9)
	EvictionMS          int64 `json:"evictionMS,omitzero"`
	ServiceUpMS         int64 `json:"serviceUpMS,omitzero"`
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
	Name     DataCenterName `json:"name"`              // "" when the sender left it out, which no server accepts
	Metadata Metadata       `json:"metadata,omitzero"` // Amazon only
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
