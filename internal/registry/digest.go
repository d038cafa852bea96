package registry

// Digest returns what the entry contributes to the digest of its bucket: nodes that compare it need not send each other
// entries that both have.
func (e *Entry) Digest() uint64 { return e.state().digest(e.Key) }

// Bucket returns the bucket of the digest that e is in.
func (e *Entry) Bucket() int { return bucketOf(e.Key.ID) }
