package wire

// MaxBeside is how many bytes of Beside a batch may have: Java servers take no more than 8 KiB of headers in all. What is said of one
// item is always less.
const MaxBeside = 6 << 10

// Beside returns the headers that say of the items of a batch what its body may not, because Java servers refuse members that they
// do not know, and how long they are.
func Beside(items []ReplicationItem) (headers map[string]string, size int) {
	headers = map[string]string{}
	for name, value := range map[string]string{HeaderIncarnations: Incarnations(items), HeaderOwners: Owners(items), HeaderStamps: Stamps(items)} {
		if value != "" {
			headers[name] = value
			size += len(name) + len(value)
		}
	}
	return headers, size
}

// SetBeside gives the items what the headers of Beside say of them. A header that does not fit them says nothing.
func SetBeside(items []ReplicationItem, header func(name string) string) {
	var registrations, stamped []*ReplicationItem
	var owners []*string
	for i := range items {
		it := &items[i]
		if it.Action == Register {
			registrations, owners = append(registrations, it), append(owners, &it.Owner)
		}
		if it.stamped() {
			stamped = append(stamped, it)
		}
	}
	setIncarnations(registrations, header(HeaderIncarnations))
	setOwners(owners, header(HeaderOwners))
	setStamps(stamped, header(HeaderStamps))
}
