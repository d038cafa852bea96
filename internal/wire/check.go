package wire

import "heureka.internal/heureka"

// A Refusal is the sentence with which a registration is refused; it is the whole body of the 400 (W-ERR-5).
type Refusal string

func (r Refusal) Error() string { return string(r) }

// CheckRegistration checks a decoded registration in the order of W-REG-4 and returns nil or a Refusal. pathApp is the
// application in the path, in any case.
func CheckRegistration(in *heureka.Instance, pathApp string) error {
	pathApp = heureka.AppName(pathApp)
	switch {
	case in.ResolvedID() == "":
		return Refusal("Missing instanceId")
	case in.HostName == "":
		return Refusal("Missing hostname")
	case in.IPAddr == "":
		return Refusal("Missing ip address")
	case in.App == "":
		return Refusal("Missing appName")
	case in.App != pathApp:
		return Refusal("Mismatched appName, expecting " + pathApp + " but was " + in.App)
	case in.DataCenter == nil:
		return Refusal("Missing dataCenterInfo")
	case in.DataCenter.Name == "":
		return Refusal("Missing dataCenterInfo Name")
	}
	return nil
}

// amazonID is the metadata entry that every stored Amazon instance has.
const amazonID = "instance-id"

// CompleteAmazon returns in with its resolved id as instance-id among the data centre metadata, as every stored Amazon
// instance has it (W-REG-7). It returns in itself if there is nothing to add.
func CompleteAmazon(in *heureka.Instance) *heureka.Instance {
	dc := in.DataCenter
	if dc == nil || dc.Name != heureka.Amazon {
		return in
	}
	if _, ok := dc.Metadata.Lookup(amazonID); ok { // be it empty
		return in
	}
	out := in.Clone()
	out.DataCenter = &heureka.DataCenter{
		Name:     heureka.Amazon,
		Metadata: dc.Metadata.With(heureka.MetadataEntry{Key: amazonID, Value: in.ResolvedID()}),
	}
	return out
}
