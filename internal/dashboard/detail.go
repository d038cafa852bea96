package dashboard

import (
	"cmp"
	"io"
	"strconv"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/lint"
)

// A Detail is one instance, with all that is known of it.
type Detail struct {
	Frame
	Now     time.Time
	Row     *Row // nil: it is not registered
	Key     heureka.Key
	Changes []Change  // newest first
	Since   time.Time // from when on no change is missing
	Faults  []lint.Finding
	Until   time.Time // when this node ends the override; zero: it does not
	Acts    *Acts     // nil: the reader may do nothing to it
}

// A Change is a line of a history.
type Change struct {
	At   time.Time
	What string
	Key  heureka.Key
	From string // the status before; "" if there was none
	To   string
	Why  string
}

// A Field is a name and what stands beside it.
type Field struct{ Name, Value, URL string }

// Render writes the page of one instance. Its error is the writer's.
func (d *Detail) Render(w io.Writer) error { return instancePage.Execute(w, d) }

// DetailData is a Detail for the script.
type DetailData struct {
	Gone       bool                    `json:"gone"` // it is not registered
	Status     string                  `json:"status,omitempty"`
	Overridden bool                    `json:"overridden"`
	Lease      []Field                 `json:"lease,omitempty"`
	Times      []Moment                `json:"times,omitempty"`
	Fields     []Field                 `json:"fields,omitempty"`
	Metadata   []heureka.MetadataEntry `json:"metadata,omitempty"`
	Changes    []Change                `json:"changes,omitempty"`
	Since      time.Time               `json:"since"`
	Faults     []string                `json:"faults,omitempty"`
	Until      *time.Time              `json:"until,omitempty"`
	Acts       *ActsData               `json:"acts,omitempty"`
}

// Data returns what the page shows, for the script.
func (d *Detail) Data() DetailData {
	data := DetailData{Gone: d.Row == nil, Changes: d.Changes, Since: d.Since}
	for i := range d.Faults {
		data.Faults = append(data.Faults, "It "+d.Faults[i].Text+". "+d.Faults[i].Kind.Advice())
	}
	if d.Row == nil {
		return data
	}
	data.Status, data.Overridden = d.Row.In.Status.String(), d.Row.Overridden()
	if !d.Until.IsZero() {
		data.Until = &d.Until
	}
	if d.Acts != nil {
		data.Acts = &ActsData{d.Acts.Named, d.Acts.Terms()}
	}
	data.Lease, data.Times, data.Fields, data.Metadata = d.Lease(), d.Times(), d.Fields(), d.Row.In.Metadata
	return data
}

// LastChange is the newest change, nil if none is known.
func (d *Detail) LastChange() *Change {
	if len(d.Changes) == 0 {
		return nil
	}
	return &d.Changes[0]
}

// Fields is everything that was registered but metadata and lease. What is empty is left out.
func (d *Detail) Fields() []Field {
	in := d.Row.In
	var fields []Field
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, Field{Name: name, Value: value})
		}
	}
	url := func(name, value string) {
		if add(name, value); linkable(value) {
			fields[len(fields)-1].URL = value
		}
	}
	add("Application", in.App)
	add("Instance id", in.ResolvedID())
	add("Host name", in.HostName)
	add("IP address", in.IPAddr)
	add("Port", port(in.Port))
	add("Secure port", port(in.SecurePort))
	url("Home page", in.HomePageURL)
	url("Status page", in.StatusPageURL)
	url("Health check", in.HealthCheckURL)
	url("Secure health check", in.SecureHealthCheckURL)
	add("VIP address", in.VIPAddress)
	add("Secure VIP address", in.SecureVIPAddress)
	add("Application group", in.AppGroupName)
	add("Auto scaling group", in.ASGName)
	if dc := in.DataCenter; dc != nil {
		add("Data center", string(dc.Name))
		for _, e := range dc.Metadata {
			add("Data center: "+e.Key, e.Value)
		}
	}
	if d.Row.Overridden() {
		add("Status override", in.OverriddenStatus.String())
	}
	add("Country", strconv.Itoa(cmp.Or(in.CountryID, heureka.DefaultCountryID)))
	return fields
}

func port(p heureka.Port) string {
	switch {
	case p.Enabled:
		return strconv.Itoa(p.Number)
	case p.Number != 0:
		return strconv.Itoa(p.Number) + ", disabled"
	}
	return ""
}

// Lease says how the lease stands, and how regularly it should be renewed.
func (d *Detail) Lease() []Field {
	in, r := d.Row.In, d.Row
	interval := cmp.Or(in.Lease.RenewalIntervalSecs, heureka.DefaultRenewalIntervalS)
	duration := cmp.Or(in.Lease.DurationSecs, heureka.DefaultLeaseDurationSecs)
	fields := []Field{
		{Name: "Heartbeat", Value: "every " + seconds(time.Duration(interval)*time.Second)},
		{Name: "Lease", Value: seconds(time.Duration(duration) * time.Second)},
	}
	if !r.Heard.IsZero() {
		heard := sinceText(d.Now, r.Heard) + " ago"
		if r.By != "" {
			heard += ", " + r.By
		}
		if r.Overdue {
			heard += " (overdue)"
		}
		left := "in " + seconds(r.RunsOut.Sub(d.Now))
		if r.Expired {
			left = sinceText(d.Now, r.RunsOut) + " ago"
		}
		fields = append(fields, Field{Name: "Last heartbeat", Value: heard}, Field{Name: "Lease ends", Value: left})
	}
	return fields
}

// Times are the moments that the record names.
func (d *Detail) Times() []Moment {
	in := d.Row.In
	return []Moment{
		{"Registered", ms(in.Lease.RegistrationMS)}, {"Up since", ms(in.Lease.ServiceUpMS)},
		{"Changed here", ms(in.LastUpdatedMS)}, {"Changed by the client (its clock)", ms(in.LastDirtyMS)},
	}
}

// A Moment is a time with its name.
type Moment struct {
	Name string
	At   time.Time
}

// seconds writes a duration without fractions.
func seconds(d time.Duration) string { return d.Round(time.Second).String() }

// sinceText says how long ago t was.
func sinceText(now, t time.Time) string { return seconds(max(now.Sub(t), 0)) }
