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
