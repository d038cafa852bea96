package wire

import (
	"cmp"

	"heureka.internal/heureka"
)

// A documentReader decodes the documents that a server sends, leniently.
type documentReader struct {
	scanner
	record record
	use    func(in *heureka.Instance) // gets each instance as it comes; nil: the document is kept
}

func newDocumentReader(body []byte) *documentReader {
	return &documentReader{scanner: newScanner(body, true)}
}

// root reads the member of the root object with this name by read; other members are skipped (W-JENC-10).
func (d *documentReader) root(name string, read func()) error {
	found := false
	for member := range d.members {
		if string(member) != name || d.peek() != '{' {
			d.skip()
			continue
		}
		found = true
		read()
	}
	if !found {
		d.fail("no " + name)
	}
	return d.failure()
}

func decodeApplicationsJSON(body []byte) (*heureka.Applications, error) {
	d, apps := newDocumentReader(body), &heureka.Applications{}
	err := d.root("applications", func() { d.applications(apps) })
	return apps, err
}

func decodeApplicationJSON(body []byte) (*heureka.Application, error) {
	d := newDocumentReader(body)
	var app *heureka.Application
	err := d.root("application", func() { app = d.application() })
	return app, err
}

func decodeSingleJSON(body []byte) (*heureka.Instance, error) {
	d := newDocumentReader(body)
	var in *heureka.Instance
	err := d.root("instance", func() { in = d.instance(&d.record) })
	if err == nil && !usable(in) {
		d.fail("instance that names no application, id or host")
		err = d.failure()
	}
	return in, err
}

func (d *documentReader) applications(apps *heureka.Applications) {
	for name := range d.members {
		if d.null() {
			continue
		}
		switch string(name) {
		case "versions__delta":
			apps.Version = d.integer()
		case "apps__hashcode":
			apps.Hash = string(d.text())
		case "application":
			apps.Apps = nil
			for range d.list {
				if app := d.application(); d.use == nil {
					apps.Apps = appendNamed(apps.Apps, app)
				}
			}
		default:
			d.skip()
		}
	}
}

// list yields for each object of an array, or once for an object in its place (W-JLEG-1); anything else is an empty
// list.
func (d *documentReader) list(yield func() bool) {
	switch d.peek() {
	case '{':
		yield()
	case '[':
		for range d.elements {
			if d.peek() != '{' {
				d.skip()
			} else if !yield() {
				return
			}
		}
	default:
		d.skip()
	}
}

func (d *documentReader) application() *heureka.Application {
	app := &heureka.Application{}
	for name := range d.members {
		if d.null() {
			continue
		}
		switch string(name) {
		case "name":
			app.Name = heureka.AppName(string(d.text()))
		case "instance":
			app.Instances = nil
			for range d.list {
				d.add(app, d.listed())
			}
		default:
			d.skip()
		}
	}
	keepUsable(app)
	if d.use != nil {
		for _, in := range app.Instances {
			d.use(in)
		}
	}
	return app
}

// appendNamed leaves out an application that says nothing at all.
func appendNamed(list []*heureka.Application, app *heureka.Application) []*heureka.Application {
	if app.Name == "" && app.Instances == nil {
		return list
	}
	return append(list, app)
}

// appendReachable leaves out at once what will be useless under any application's name: a document can have millions of
// empty instances, and each takes a hundred times what its JSON does.
func appendReachable(list []*heureka.Instance, in *heureka.Instance) []*heureka.Instance {
	if in == nil || !reachable(in) {
		return list
	}
	return append(list, in)
}

// add adds an instance to its application. If the document is not kept, only those wait that still need a name.
func (d *documentReader) add(app *heureka.Application, in *heureka.Instance) {
	if d.use == nil || in == nil || in.App == "" && app.Name == "" {
		app.Instances = appendReachable(app.Instances, in)
		if d.use != nil && len(app.Instances) > maxNameless {
			d.fail("too many instances before the name of their application")
		}
		return
	}
	in.App = cmp.Or(in.App, app.Name)
	if reachable(in) {
		d.use(in)
	}
}

// listed reads an instance of a list. One that makes no sense is skipped and nil, so that it does not cost the client
// the rest of the document (W-GOCLI-8); broken JSON still does.
func (d *documentReader) listed() *heureka.Instance {
	d.hold()
	pos, depth, window := d.pos, d.depth, d.window
	d.window = nil // what may be read again must stay where it is
	in := d.instance(&d.record)
	if d.window = window; in == nil {
		d.pos, d.depth, d.err = pos, depth, nil
		d.skip()
	}
	return in
}
