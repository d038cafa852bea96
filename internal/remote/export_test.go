package remote

// HasCredentials tells tests whether c sends any.
func HasCredentials(c *Conn) bool { return c.header.Get("Authorization") != "" }
