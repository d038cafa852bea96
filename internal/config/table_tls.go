package config

import "heureka.internal/heureka/server"

const (
	serverSSL     = "server.ssl."
	managementSSL = "management.server.ssl."
	clientTLS     = "eureka.client.tls."
	pemBundles    = "spring.ssl.bundle.pem"
	jksBundles    = "spring.ssl.bundle.jks"
	acceptPlain   = "heureka.tls.accept-plain"

	whyContent = "has no effect: what the file holds decides whether it is PKCS12 or PEM"
	whyOneKey  = "has no effect: a key store must hold one key, under the password of the store"
)

// tlsKeys are TLS of the API, of management and towards peers, by Spring's names.
func tlsKeys() []Key {
	var keys []Key
	keys = append(keys, listenerKeys(serverSSL, func(c *server.Config) *server.TLS { return &c.TLS })...)
	keys = append(keys, listenerKeys(managementSSL, func(c *server.Config) *server.TLS { return &c.ManagementTLS })...)
	keys = append(keys, Key{Name: clientTLS + "enabled", Kind: Bool,
		Doc:   "Use these settings for https URLs of peers and regions; otherwise no certificate is shown, and the system's authorities are trusted.",
		field: func(c *server.Config) any { return &c.PeerTLS.Enabled }})
	keys = append(keys, storeKeys(clientTLS, func(c *server.Config) *server.TLSFiles { return &c.PeerTLS.TLSFiles })...)
	return append(keys,
		Key{Name: pemBundles, Map: true, Secret: true, Doc: "Files for the setting bundle: <name>.keystore.certificate, <name>.keystore.private-key, <name>.truststore.certificate."},
		Key{Name: jksBundles, Map: true, Secret: true, Doc: "Stores for the setting bundle, PKCS12: <name>.keystore.location, .password, <name>.truststore.location, .password."},
		Key{Name: acceptPlain, Kind: Bool, Doc: "Accept plain HTTP beside TLS on server.port, for the time of a migration.",
			field: func(c *server.Config) any { return &c.AcceptPlain }})
}

func listenerKeys(prefix string, of func(*server.Config) *server.TLS) []Key {
	own := under(prefix, []Key{
		{Name: "enabled", Kind: Bool, Doc: "false serves plain HTTP although the other settings are there. By default TLS is on if there is a certificate."},
		{Name: "bundle", Doc: "Name of the bundle below spring.ssl.bundle to take certificate and authorities from."},
		{Name: "certificate", Doc: "Certificate with its chain in PEM: a file, or the text. Files are read again each second.",
			field: func(c *server.Config) any { return &of(c).Certificate }},
		{Name: "certificate-private-key", Secret: true, Doc: "Private key of the certificate, likewise, without a password.",
			field: func(c *server.Config) any { return &of(c).PrivateKey }},
		{Name: "trust-certificate", Doc: "Authorities whose client certificates are accepted, likewise.",
			field: func(c *server.Config) any { return &of(c).TrustCertificate }},
		{Name: "client-auth", Kind: Enum, Words: []string{"none", "want", "need"}, Doc: "Whether clients may (want) or must (need) show a certificate. By default none.",
			field: func(c *server.Config) any { return &of(c).ClientAuth }},
		{Name: "enabled-protocols", Kind: List, Doc: "TLSv1.2, TLSv1.3 or both. By default both.",
			field: func(c *server.Config) any { return &of(c).Protocols }},
		{Name: "ciphers", Kind: List, Doc: "Cipher suites of TLSv1.2 by their IANA names. By default the safe ones.",
			field: func(c *server.Config) any { return &of(c).Ciphers }},
		{Name: "key-alias", Inert: whyOneKey, Doc: "Which key of the store to use."},
	})
	return append(own, storeKeys(prefix, func(c *server.Config) *server.TLSFiles { return &of(c).TLSFiles })...)
}

func storeKeys(prefix string, of func(*server.Config) *server.TLSFiles) []Key {
	types := []string{"PKCS12", "PEM", "JKS"}
	return under(prefix, []Key{
		{Name: "key-store", Doc: "File with certificate and key: PKCS12, or PEM with both. JKS has to be converted.",
			field: func(c *server.Config) any { return &of(c).KeyStore }},
		{Name: "key-store-password", Secret: true, Doc: "Password of the key store.",
			field: func(c *server.Config) any { return &of(c).KeyStorePassword }},
		{Name: "key-store-type", Kind: Enum, Words: types, Default: "PKCS12", Inert: whyContent, Doc: "Form of the key store."},
		{Name: "key-password", Secret: true, Inert: whyOneKey, Doc: "Password of the key in the store."},
		{Name: "trust-store", Doc: "File with the authorities to trust: PKCS12 or PEM.",
			field: func(c *server.Config) any { return &of(c).TrustStore }},
		{Name: "trust-store-password", Secret: true, Doc: "Password of the trust store.",
			field: func(c *server.Config) any { return &of(c).TrustStorePassword }},
		{Name: "trust-store-type", Kind: Enum, Words: types, Default: "PKCS12", Inert: whyContent, Doc: "Form of the trust store."},
	})
}
