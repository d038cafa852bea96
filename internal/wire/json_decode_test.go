package wire_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

const ownDataCenter = `{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}`

// registration returns a body with what every registration needs, then members, which may repeat and so replace it.
func registration(members string) []byte {
	body := `{"instance":{"hostName":"h1","app":"DEMO","ipAddr":"10.0.0.1","dataCenterInfo":` + ownDataCenter
	if members != "" {
		body += "," + members
	}
	return []byte(body + "}}")
}

// registered returns the instance of registration(""), changed.
func registered(change func(*heureka.Instance)) *heureka.Instance {
	in := &heureka.Instance{
		HostName: "h1", App: "DEMO", IPAddr: "10.0.0.1", DataCenter: heureka.OwnDataCenter, Status: heureka.StatusUp,
		Port: heureka.Port{Number: 7001, Enabled: true}, SecurePort: heureka.Port{Number: 7002}, CountryID: 1,
		Lease: heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90},
	}
	change(in)
	return in
}

func metadata(pairs ...string) heureka.Metadata {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return heureka.NewMetadata(m)
}

func TestDecodeRegistrationJSON(t *testing.T) {
	type instance = heureka.Instance
	tests := []struct {
		statement, members string
		change             func(*instance)
	}{
		{"W-FLD-3 defaults", ``, func(in *instance) {}},
		{"W-JDEC-2 null is absent", `"hostName":null,"status":null,"port":null,"metadata":null,"leaseInfo":null,"vipAddress":null,
			"countryId":null,"lastDirtyTimestamp":null,"isCoordinatingDiscoveryServer":null`, func(in *instance) {}},
		{"W-JDEC-2 the later member wins", `"hostName":"h2","hostName":"h3"`, func(in *instance) { in.HostName = "h3" }},
		{"W-JDEC-3 a number as text", `"hostName":5,"vipAddress":-1.50e3`,
			func(in *instance) { in.HostName, in.VIPAddress = "5", "-1.50e3" }},
		{"W-JDEC-3 a boolean as text", `"hostName":true,"asgName":false`,
			func(in *instance) { in.HostName, in.ASGName = "true", "false" }},
		{"W-JDEC-4 digits in a text", `"countryId":"7","lastDirtyTimestamp":"1700000000900","lastUpdatedTimestamp":1700000000100`,
			func(in *instance) { in.CountryID, in.LastDirtyMS, in.LastUpdatedMS = 7, 1700000000900, 1700000000100 }},
		{"W-JDEC-4 fractions are cut off", `"countryId":7.9,"lastDirtyTimestamp":-1.5`,
			func(in *instance) { in.CountryID, in.LastDirtyMS = 7, -1 }},
		{"W-JDEC-4 exponents count", `"lastDirtyTimestamp":17e11`,
			func(in *instance) { in.LastDirtyMS = 1_700_000_000_000 }},
		{"W-JDEC-4 booleans count", `"countryId":true,"lastDirtyTimestamp":false`, func(in *instance) {}},
		{"W-JDEC-4 other text is 0", `"countryId":"abc","lastDirtyTimestamp":"1 2","lastUpdatedTimestamp":""`,
			func(in *instance) { in.CountryID = 0 }},
		{"W-JDEC-4 no hexadecimal, infinity or NaN", `"countryId":"0x1F","lastDirtyTimestamp":"Infinity","lastUpdatedTimestamp":"NaN"`,
			func(in *instance) { in.CountryID = 0 }},
		{"W-JDEC-4 text that is too large a number is 0", `"countryId":"2147483648","lastDirtyTimestamp":"9223372036854775808",
			"lastUpdatedTimestamp":"1e99","port":{"$":"-2147483649"},"leaseInfo":{"durationInSecs":"3000000000"}`,
			func(in *instance) { in.CountryID, in.Port.Number = 0, 0 }},
		{"W-JDEC-4 the largest numbers", `"countryId":2147483647,"port":{"$":"-2147483648"},
			"lastDirtyTimestamp":9223372036854775807,"lastUpdatedTimestamp":"-9223372036854775808"`,
			func(in *instance) {
				in.CountryID, in.Port.Number = math.MaxInt32, math.MinInt32
				in.LastDirtyMS, in.LastUpdatedMS = math.MaxInt64, math.MinInt64
			}},
		{"W-JDEC-5 true", `"isCoordinatingDiscoveryServer":true`, func(in *instance) { in.CoordinatingServer = true }},
		{"W-JDEC-5 the text true", `"isCoordinatingDiscoveryServer":"true"`, func(in *instance) { in.CoordinatingServer = true }},
		{"W-JDEC-5 other texts are false", `"port":{"@enabled":"TRUE"},"securePort":{"@enabled":"yes"}`,
			func(in *instance) { in.Port.Enabled = false }},
		{"W-JDEC-5 numbers but zero are true", `"port":{"@enabled":0},"securePort":{"@enabled":-1}`,
			func(in *instance) { in.Port.Enabled, in.SecurePort.Enabled = false, true }},
		{"W-JDEC-5 fractions are false", `"port":{"@enabled":5.7},"securePort":{"@enabled":1e3}`,
			func(in *instance) { in.Port.Enabled = false }},
		{"W-JDEC-6 status", `"status":"OUT_OF_SERVICE","overriddenStatus":"DOWN"`,
			func(in *instance) { in.Status, in.OverriddenStatus = heureka.StatusOutOfService, heureka.StatusDown }},
		{"W-JDEC-6 old spelling", `"overriddenstatus":"DOWN"`, func(in *instance) { in.OverriddenStatus = heureka.StatusDown }},
		{"W-JDEC-6 lower case is UNKNOWN", `"status":"up"`, func(in *instance) { in.Status = heureka.StatusUnknown }},
		{"W-JDEC-6 empty is UNKNOWN", `"status":""`, func(in *instance) { in.Status = heureka.StatusUnknown }},
		{"W-JDEC-6 a number is UNKNOWN", `"status":1`, func(in *instance) { in.Status = heureka.StatusUnknown }},
		{"W-JDEC-7 ports", `"port":{"@enabled":false,"$":"8081"},"securePort":{"$":8443,"@enabled":true}`,
			func(in *instance) {
				in.Port, in.SecurePort = heureka.Port{Number: 8081}, heureka.Port{Number: 8443, Enabled: true}
			}},
		{"W-JDEC-7 parts", `"port":{"$":8083},"securePort":{"@enabled":"true"}`,
			func(in *instance) { in.Port.Number, in.SecurePort.Enabled = 8083, true }},
		{"W-JDEC-7 empty ports", `"port":{},"securePort":{}`, func(in *instance) {}},
		{"W-JDEC-7 null parts are 0 and false", `"port":{"$":null,"@enabled":null},"securePort":{"$":null}`,
			func(in *instance) { in.Port, in.SecurePort = heureka.Port{}, heureka.Port{} }},
		{"W-JDEC-8 upper case", `"app":"demo-ä","appGroupName":"grp-ß"`,
			func(in *instance) { in.App, in.AppGroupName = "DEMO-Ä", "GRP-SS" }},
		{"W-JDEC-9 scalars", `"metadata":{"n":1,"f":1.50,"t":true,"null":null,"s":"","@class":"x"}`,
			func(in *instance) {
				in.Metadata = metadata("n", "1", "f", "1.50", "t", "true", "null", "null", "s", "")
			}},
		{"W-JDEC-9 empty", `"metadata":{}`, func(in *instance) {}},
		{"W-JDEC-9 empty-map marker", `"metadata":{"@class":"java.util.Collections$EmptyMap"}`, func(in *instance) {}},
		{"W-JDEC-9 later maps and keys win", `"metadata":{"x":"1"},"metadata":{"k":"1","j":"0","k":"2"}`,
			func(in *instance) { in.Metadata = metadata("j", "0", "k", "2") }},
		{"W-JDEC-10 lease", `"leaseInfo":{"durationInSecs":"15","renewalIntervalInSecs":5,"renewalTimestamp":1,
			"registrationTimestamp":2,"lastRenewalTimestamp":3,"evictionTimestamp":4,"serviceUpTimestamp":5,"more":"x","less":null}`,
			func(in *instance) {
				in.Lease = heureka.LeaseInfo{
					RenewalIntervalSecs: 5, DurationSecs: 15, RegistrationMS: 2, LastRenewalMS: 3, EvictionMS: 4, ServiceUpMS: 5,
				}
			}},
		{"W-JDEC-2 the later lease wins whole", `"leaseInfo":{"durationInSecs":15,"evictionTimestamp":4},"leaseInfo":{}`,
			func(in *instance) {}},
		{"W-FLD-8 intervals that make no sense", `"leaseInfo":{"renewalIntervalInSecs":0,"durationInSecs":-1}`, func(in *instance) {}},
		{"W-FLD-8 the longest interval", `"leaseInfo":{"renewalIntervalInSecs":2147483647}`,
			func(in *instance) { in.Lease.RenewalIntervalSecs = math.MaxInt32 }},
		{"W-JDEC-12 unknown members are skipped whole", `"foo":{"hostName":"evil","a":[1,{"app":"EVIL"}]},"bar":[{}],"x":"y","z":null,
			"identifyingAttribute":"i","version":1`, func(in *instance) {}},
		{"W-FLD-4 empty texts are kept", `"vipAddress":"","instanceId":"","asgName":"","sid":""`,
			func(in *instance) {
				in.Blank = heureka.FieldVIPAddress | heureka.FieldInstanceID | heureka.FieldASGName | heureka.FieldSID
			}},
		{"W-JENC-7 sid", `"sid":"s1"`, func(in *instance) { in.SID = "s1" }},
		{"W-JENC-7 sid na", `"sid":"s1","sid":"na"`, func(in *instance) {}},
		{"W-JENC-7 sid unknown", `"sid":"unknown"`, func(in *instance) {}},
		{"W-FLD-3 action", `"actionType":"MODIFIED"`, func(in *instance) { in.Action = heureka.ActionModified }},
		{"W-FLD-3 unknown action", `"actionType":"modified"`, func(in *instance) {}},
		{"W-IDENT-4 id from metadata", `"metadata":{"instanceId":"i-7"}`,
			func(in *instance) { in.ID, in.Metadata = "h1:i-7", metadata("instanceId", "i-7") }},
		{"W-IDENT-4 id with host name", `"metadata":{"instanceId":"h1:i-7"}`,
			func(in *instance) { in.ID, in.Metadata = "h1:i-7", metadata("instanceId", "h1:i-7") }},
		{"W-IDENT-4 a sent id stays", `"instanceId":"own","metadata":{"instanceId":"i-7"}`,
			func(in *instance) { in.ID, in.Metadata = "own", metadata("instanceId", "i-7") }},
		{"W-IDENT-3 an empty id stays", `"instanceId":"","metadata":{"instanceId":"i-7"}`,
			func(in *instance) { in.Blank, in.Metadata = heureka.FieldInstanceID, metadata("instanceId", "i-7") }},
		{"escapes", `"vipAddress":"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00","\u0061sgName":"g"`,
			func(in *instance) { in.VIPAddress, in.ASGName = "\"\\/\b\f\n\r\té😀", "g" }},
		{"half a surrogate pair", `"vipAddress":"a\uD83Db","asgName":"\uDE00\uD83D\u0041"`,
			func(in *instance) { in.VIPAddress, in.ASGName = "a\uFFFDb", "\uFFFD\uFFFDA" }},
		{"white space", " \"vipAddress\"\t:\r\n \"v\" ", func(in *instance) { in.VIPAddress = "v" }},
	}
	for _, tt := range tests {
		t.Run(tt.statement, func(t *testing.T) {
			got, err := wire.DecodeInstance(wire.JSON, registration(tt.members))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(registered(tt.change), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// W-JDEC-11.
func TestDecodeDataCenter(t *testing.T) {
	const (
		phantom = `"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"`
		own     = `"@class":"com.netflix.appinfo.MyDataCenterInfo"`
		amazon  = `"@class":"com.netflix.appinfo.AmazonInfo"`
	)
	aws := func(pairs ...string) *heureka.DataCenter {
		return &heureka.DataCenter{Name: heureka.Amazon, Metadata: metadata(pairs...)}
	}
	tests := []struct {
		name, value string
		want        *heureka.DataCenter // nil: refused
	}{
		{"no class", `{"name":"MyOwn"}`, nil},
		{"null class", `{"@class":null,"name":"MyOwn"}`, nil},
		{"unknown class", `{"@class":"MyOwn","name":"MyOwn"}`, nil},
		{"phantom", `{` + phantom + `,"name":"MyOwn"}`, heureka.OwnDataCenter},
		{"any order", `{"name":"Netflix",` + phantom + `}`, heureka.NetflixDataCenter},
		{"MyDataCenterInfo", `{` + own + `,"name":"MyOwn"}`, heureka.OwnDataCenter},
		{"no name", `{` + phantom + `}`, &heureka.DataCenter{}},
		{"null name", `{` + phantom + `,"name":null}`, &heureka.DataCenter{}},
		{"name in another case", `{` + phantom + `,"name":"myown"}`, nil},
		{"unknown name", `{` + phantom + `,"name":"Google"}`, nil},
		{"further member", `{` + phantom + `,"name":"MyOwn","x":1}`, nil},
		{"metadata of MyOwn", `{` + phantom + `,"name":"MyOwn","metadata":{}}`, nil},
		{"W-BUG-1", `{` + phantom + `,"name":"Amazon"}`, aws()},
		{"Amazon", `{` + amazon + `,"name":"Amazon","metadata":{"instance-id":"i-1","n":5}}`, aws("instance-id", "i-1", "n", "5")},
		{"Amazon whatever its name", `{` + amazon + `,"name":"x","metadata":{"a":"b"}}`, aws("a", "b")},
		{"W-BUG-4 metadata first", `{"metadata":{"a":"b"},"name":"Amazon",` + amazon + `}`, aws("a", "b")},
		{"Amazon without metadata", `{` + amazon + `,"name":"Amazon"}`, aws()},
		{"Amazon with null metadata", `{` + amazon + `,"name":"Amazon","metadata":null}`, aws()},
		{"W-JDEC-9 Amazon with the empty-map marker", `{` + amazon + `,"name":"Amazon","metadata":{"@class":"java.util.Collections$EmptyMap"}}`, aws()},
		{"metadata array", `{` + amazon + `,"metadata":[]}`, nil},
		{"text", `"MyOwn"`, nil},
		{"array", `[]`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := wire.DecodeInstance(wire.JSON, registration(`"dataCenterInfo":`+tt.value))
			if (err == nil) != (tt.want != nil) {
				t.Fatalf("DecodeInstance = %v", err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tt.want, in.DataCenter); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("the last one counts whole", func(t *testing.T) {
		in, err := wire.DecodeInstance(wire.JSON,
			registration(`"dataCenterInfo":{`+amazon+`,"metadata":{"a":"b"}},"dataCenterInfo":{`+amazon+`}`))
		if err != nil || len(in.DataCenter.Metadata) > 0 {
			t.Errorf("got %v, %v", in, err)
		}
	})
	t.Run("null is absent", func(t *testing.T) {
		in, err := wire.DecodeInstance(wire.JSON, []byte(`{"instance":{"app":"A","dataCenterInfo":null}}`))
		if err != nil || in.DataCenter != nil {
			t.Errorf("got %v, %v", in, err)
		}
	})
	t.Run("the common ones are shared", func(t *testing.T) {
		in, err := wire.DecodeInstance(wire.JSON, registration(""))
		if err != nil || in.DataCenter != heureka.OwnDataCenter {
			t.Errorf("got %p, %v", in.DataCenter, err)
		}
	})
}

func TestDecodeRegistrationJSONRefuses(t *testing.T) {
	tests := []struct {
		statement string
		body      string
	}{
		{"W-REG-2 empty body", ``},
		{"W-JDEC-1 null", `null`},
		{"W-JDEC-1 empty object", `{}`},
		{"W-JDEC-1 list", `[]`},
		{"W-JDEC-1 null instance", `{"instance":null}`},
		{"W-JDEC-1 bare instance", `{"hostName":"h","app":"A"}`},
		{"W-JDEC-1 another member first", `{"x":1,"instance":{"app":"A"}}`},
		{"W-JDEC-1 a further member", `{"instance":{"app":"A"},"x":1}`},
		{"W-JDEC-1 a further instance", `{"instance":{"app":"A"},"instance":{"app":"B"}}`},
		{"W-JDEC-1 truncated", `{"instance":{"app":"A"}`},
		{"W-REG-5 no app", `{"instance":{"hostName":"h"}}`},
		{"W-REG-5 null app", `{"instance":{"hostName":"h","app":null}}`},
		{"W-JDEC-3 an object as text", string(registration(`"hostName":{}`))},
		{"W-JDEC-3 a list as text", string(registration(`"hostName":["x"]`))},
		{"W-JDEC-4 a number beyond 32 bits", string(registration(`"countryId":2147483648`))},
		{"W-JDEC-4 a port beyond 32 bits", string(registration(`"port":{"$":3000000000}`))},
		{"W-JDEC-4 an interval beyond 32 bits", string(registration(`"leaseInfo":{"durationInSecs":-3000000000}`))},
		{"W-JDEC-4 a timestamp beyond 64 bits", string(registration(`"lastDirtyTimestamp":9223372036854775808`))},
		{"W-JDEC-4 an endless number", string(registration(`"lastUpdatedTimestamp":1e400`))},
		{"W-JDEC-5 a truth beyond 32 bits", string(registration(`"isCoordinatingDiscoveryServer":3000000000`))},
		{"W-JDEC-4 a list as number", string(registration(`"countryId":[1]`))},
		{"W-JDEC-5 an object as boolean", string(registration(`"isCoordinatingDiscoveryServer":{}`))},
		{"W-JDEC-6 an object as status", string(registration(`"status":{}`))},
		{"W-JDEC-7 a bare port", string(registration(`"port":8080`))},
		{"W-JDEC-7 a port in text", string(registration(`"port":"8080"`))},
		{"W-JDEC-7 unknown member of a port", string(registration(`"port":{"$":1,"x":2}`))},
		{"W-BUG-2 metadata as list", string(registration(`"metadata":[]`))},
		{"W-JDEC-9 metadata as text", string(registration(`"metadata":"x"`))},
		{"W-JDEC-9 metadata as number", string(registration(`"metadata":1`))},
		{"W-JDEC-9 nested metadata", string(registration(`"metadata":{"a":{"b":"c"}}`))},
		{"W-JDEC-9 list in metadata", string(registration(`"metadata":{"a":[]}`))},
		{"W-JDEC-10 object in the lease", string(registration(`"leaseInfo":{"x":{}}`))},
		{"W-JDEC-10 list in the lease", string(registration(`"leaseInfo":{"x":[]}`))},
		{"W-JDEC-10 lease as list", string(registration(`"leaseInfo":[]`))},
		{"invalid UTF-8", string(registration("\"vipAddress\":\"a\xffb\""))},
		{"invalid UTF-8 after an escape", string(registration("\"vipAddress\":\"\\ta\xffb\""))},
		{"invalid UTF-8 in a name", string(registration("\"vip\xff\":1"))},
		{"control character", string(registration("\"vipAddress\":\"a\nb\""))},
		{"control character after an escape", string(registration("\"vipAddress\":\"\\ta\nb\""))},
		{"unknown escape", string(registration(`"vipAddress":"\x"`))},
		{"short unicode escape", string(registration(`"vipAddress":"\u00g0"`))},
		{"cut off in an escape", `{"instance":{"app":"\u00`},
		{"cut off after a backslash", `{"instance":{"app":"\`},
		{"cut off in a name", `{"instance":{"app`},
		{"cut off in a number", `{"instance":{"app":-`},
		{"leading zero", string(registration(`"countryId":01`))},
		{"leading plus", string(registration(`"countryId":+1`))},
		{"no digits after the point", string(registration(`"countryId":1.`))},
		{"no digits in the exponent", string(registration(`"countryId":1e+`))},
		{"misspelt literal", string(registration(`"countryId":nul`))},
		{"trailing comma", string(registration(`"x":1,`))},
		{"missing comma", string(registration(`"x":1 "y":2`))},
		{"missing colon", string(registration(`"x" 1`))},
		{"unquoted name", string(registration(`x:1`))},
		{"trailing comma in an unknown list", string(registration(`"x":[1,]`))},
		{"broken unknown member", string(registration(`"x":{"y":tru}`))},
		{"nested too deeply", string(registration(`"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100)))},
		{"nested absurdly", string(registration(`"x":` + strings.Repeat(`{"a":[`, 1_000_000)))},
	}
	for _, tt := range tests {
		t.Run(tt.statement, func(t *testing.T) {
			in, err := wire.DecodeInstance(wire.JSON, []byte(tt.body))
			if err == nil {
				t.Fatalf("accepted as %+v", in)
			}
			if in != nil {
				t.Error("an instance besides the error")
			}
			syntax, ok := errors.AsType[*wire.SyntaxError](err)
			if !ok || syntax.Msg == "" || syntax.Offset < 0 || syntax.Offset > int64(len(tt.body)) {
				t.Errorf("error %#v", err)
			}
		})
	}
}

// W-JDEC-1: a byte order mark before the object and any text after it are ignored.
func TestDecodeIgnoresWhatSurroundsTheBody(t *testing.T) {
	for _, body := range []string{"\uFEFF" + string(registration("")), string(registration("")) + "} garbage \xff",
		"\n\t" + string(registration("")) + "\x00"} {
		if _, err := wire.DecodeInstance(wire.JSON, []byte(body)); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestSyntaxErrorSaysWhatAndWhere(t *testing.T) {
	tests := map[string]string{
		`{"instance":{"app":{}}}`:                `offset 19: want a string, number or boolean, found an object`,
		`{"instance":{"app":[]}}`:                `offset 19: want a string, number or boolean, found an array`,
		`{"instance":null}`:                      `offset 12: want an object, found null`,
		`{"instance":{"app":"A"`:                 `offset 22: want ',', found the end`,
		`{"instance":{"app":"A","metadata":[]}}`: `offset 34: want an object, found an array`,
		`x`:                                      `offset 0: want an object, found 'x'`,
		`{"instance":{"x":1}}`:                   `offset 19: instance without app`,
	}
	for body, want := range tests {
		if _, err := wire.DecodeInstance(wire.JSON, []byte(body)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
}

// A decoded instance must not keep the body alive, nor change when its buffer is used again.
func TestDecodedInstanceKeepsNoPartOfTheBody(t *testing.T) {
	for _, f := range []wire.Format{wire.JSON, wire.XML} {
		want := service(1, 1)
		body := f.AppendSingle(nil, want, want.Lease)
		got, err := wire.DecodeInstance(f, body)
		if err != nil {
			t.Fatal(err)
		}
		clear(body)
		if _, err := wire.DecodeInstance(f, f.AppendSingle(nil, service(2, 2), want.Lease)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.MediaType(), diff)
		}
	}
}

func TestDecodeDoesNotChangeTheBody(t *testing.T) {
	body := registration(`"app":"lower","vipAddress":"\u0041"`)
	before := bytes.Clone(body)
	if _, err := wire.DecodeInstance(wire.JSON, body); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, body) {
		t.Errorf("changed to %s", body)
	}
}

// The registration path allocates the instance, its strings and its metadata, and nothing else.
func TestDecodeInstanceAllocations(t *testing.T) {
	in := service(1, 1)
	body := wire.AppendRegistration(nil, in)
	allocs := testing.AllocsPerRun(200, func() {
		if _, err := wire.DecodeInstance(wire.JSON, body); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 3 && !raceEnabled {
		t.Errorf("%v allocations, want 3", allocs)
	}
}

// A record at rest holds each text once: host names recur in ids and URLs, a home page begins the other pages.
func TestDecodedTextsShareMemory(t *testing.T) {
	in, err := wire.DecodeInstance(wire.JSON, wire.AppendRegistration(nil, service(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{
		{in.ID, in.HostName}, {in.StatusPageURL, in.HomePageURL}, {in.VIPAddress, in.App}, {in.VIPAddress, in.SecureVIPAddress},
	} {
		whole, part := uintptr(unsafe.Pointer(unsafe.StringData(pair[0]))), uintptr(unsafe.Pointer(unsafe.StringData(pair[1])))
		if i := uintptr(strings.Index(pair[0], pair[1])); whole+i != part {
			t.Errorf("%q and %q do not share memory", pair[0], pair[1])
		}
	}
}

func TestHugeRecordsSurvive(t *testing.T) {
	in := service(1, 1)
	in.VIPAddress = strings.Repeat("vip,", 1<<18)
	entries := make([]heureka.MetadataEntry, 20_000)
	for i := range entries {
		entries[i] = heureka.MetadataEntry{Key: strings.Repeat("k", i%7) + string(rune('a'+i%26)) + strings.Repeat("x", i/26%50), Value: "v"}
	}
	in.Metadata = heureka.MetadataOf(entries)
	for _, f := range []wire.Format{wire.JSON, wire.XML} {
		got, err := wire.DecodeInstance(f, f.AppendSingle(nil, in, in.Lease))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, got); diff != "" {
			t.Errorf("%s: differs", f.MediaType())
		}
	}
}
