package httpapi

import (
	"net/http"
	"strings"

	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/registry"
)

// AdminPath is above all operations that are for administrators alone.
const AdminPath = "/heureka/v1/admin/"

// Needs returns the role that a call takes. It looks at the parsed route, so that no spelling of a path passes by it; what it
// does not know is the administrator's. Management is of the port that serves nothing else.
func (c *Call) Needs(management bool) auth.Role {
	if c.Origin.By == registry.ByPeer { // nobody else may speak for others
		return auth.Peer
	}
	writes := c.Writes()
	switch c.Route.Resource {
	case AppResource, InstanceResource, MetadataResource:
		if writes {
			return auth.Register
		}
		return auth.Read
	case AppsResource, DeltaResource, VIPResource, SecureVIPResource, InstanceByIDResource, StatusInfoResource, OverridesResource, WatchResource:
		return auth.Read
	case StatusResource, ASGResource:
		return auth.Operate
	case BatchResource, DigestResource, BucketsResource, HeardResource:
		return auth.Peer
	case HealthcheckResource:
		return auth.Probe
	case MetricsResource:
		return auth.Metrics
	case ActuatorResource:
		return c.needsOfActuator(writes)
	case PageResource:
		if management { // profiles
			return auth.Admin
		}
		fallthrough
	case OperationResource:
		if strings.HasPrefix(c.Route.ID, AdminPath) {
			return auth.Admin
		}
		if writes {
			return auth.Operate
		}
		return auth.Read
	}
	return auth.Admin
}

// Writes reports whether a call is more than a question.
func (c *Call) Writes() bool {
	return c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead && c.Request.Method != http.MethodOptions
}

// needsOfActuator: the whole of health and its groups are for probes, single components are not.
func (c *Call) needsOfActuator(writes bool) auth.Role {
	switch {
	case writes:
		return auth.Admin
	case c.Route.App == "health" && (c.Route.ID == "" || c.Route.ID == "liveness" || c.Route.ID == "readiness"):
		return auth.Probe
	case c.Route.App == "health" || c.Route.App == "info" || c.Route.App == "":
		return auth.Read
	case c.Route.App == "metrics":
		return auth.Metrics
	}
	return auth.Admin
}
