package client

import (
	"slices"

	"heureka.internal/heureka"
)

// sameRecord reports whether two states of an instance differ at most in what every heartbeat changes and in what a
// delta says about them.
func sameRecord(a, b *heureka.Instance) bool {
	return sameForCallers(a, b) &&
		a.SID == b.SID && a.OverriddenStatus == b.OverriddenStatus && a.CountryID == b.CountryID &&
		sameLease(a.Lease, b.Lease) && a.AppGroupName == b.AppGroupName &&
		a.HomePageURL == b.HomePageURL && a.StatusPageURL == b.StatusPageURL &&
		a.HealthCheckURL == b.HealthCheckURL && a.SecureHealthCheckURL == b.SecureHealthCheckURL &&
		a.ASGName == b.ASGName && a.CoordinatingServer == b.CoordinatingServer &&
		a.LastUpdatedMS == b.LastUpdatedMS && a.LastDirtyMS == b.LastDirtyMS && a.Blank == b.Blank
}

func sameLease(a, b heureka.LeaseInfo) bool {
	a.LastRenewalMS, b.LastRenewalMS = 0, 0
	return a == b
}

// sameForCallers reports whether nothing differs that matters to those who call an instance (G-WA-2).
func sameForCallers(a, b *heureka.Instance) bool {
	if a == b {
		return true
	}
	return a.App == b.App && a.ID == b.ID && a.HostName == b.HostName && a.IPAddr == b.IPAddr &&
		a.Status == b.Status && a.Port == b.Port && a.SecurePort == b.SecurePort &&
		a.VIPAddress == b.VIPAddress && a.SecureVIPAddress == b.SecureVIPAddress &&
		slices.Equal(a.Metadata, b.Metadata) && sameDataCenter(a.DataCenter, b.DataCenter)
}

func sameDataCenter(a, b *heureka.DataCenter) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Name == b.Name && slices.Equal(a.Metadata, b.Metadata)
}
