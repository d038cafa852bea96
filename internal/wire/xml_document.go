package wire

import (
	"encoding/xml"

	"heureka.internal/heureka"
)

func decodeApplicationsXML(body []byte) (*heureka.Applications, error) {
	x, apps := newXMLReader(body), &heureka.Applications{}
	for child := range x.children(x.rootNamed("applications")) {
		switch child.Name.Local {
		case "versions__delta":
			apps.Version, _ = lenientInt(x.text(child))
		case "apps__hashcode":
			apps.Hash = string(x.text(child))
		case "application":
			apps.Apps = appendNamed(apps.Apps, x.application(child))
		default:
			x.skip(child)
		}
	}
	return apps, x.failure()
}

func decodeApplicationXML(body []byte) (*heureka.Application, error) {
	x := newXMLReader(body)
	app := x.application(x.rootNamed("application"))
	return app, x.failure()
}

func decodeSingleXML(body []byte) (*heureka.Instance, error) {
	x := newXMLReader(body)
	in := x.instance(x.rootNamed(instanceElement))
	if x.err == nil {
		x.err = x.fault
	}
	if x.err == nil && !usable(in) {
		x.fail("instance that names no application, id or host")
	}
	return in, x.failure()
}

// rootNamed returns the start tag of the document, which must have this name.
func (x *xmlReader) rootNamed(name string) xml.StartElement {
	root := x.root()
	if x.err == nil && root.Name.Local != name {
		x.fail("root element is " + root.Name.Local)
	}
	return root
}

// application reads one application and skips the instances that no client can use (W-GOCLI-8).
func (x *xmlReader) application(e xml.StartElement) *heureka.Application {
	app := &heureka.Application{}
	for child := range x.children(e) {
		switch child.Name.Local {
		case "name":
			app.Name = heureka.AppName(string(x.text(child)))
		case instanceElement:
			if in := x.instance(child); x.fault == nil {
				app.Instances = appendReachable(app.Instances, in)
			}
		default:
			x.skip(child)
		}
	}
	keepUsable(app)
	return app
}
