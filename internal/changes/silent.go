package changes

import (
	"time"

	"heureka.internal/heureka/internal/registry"
)

// A Loss is how much of an application is silent, as JSON.
type Loss struct {
	App       string `json:"app"`
	Instances int    `json:"instances"`
	Overdue   int    `json:"overdue"`
	Expired   int    `json:"expired"`
}

// A Silent is an instance whose heartbeat is overdue, as JSON.
type Silent struct {
	App       string    `json:"app"`
	ID        string    `json:"id"`
	Status    string    `json:"status"`
	LastHeard time.Time `json:"lastHeard"`
	RunsOut   time.Time `json:"runsOut"`
	Expired   bool      `json:"expired"`
}

// SilentOf returns the document of l as it is now.
func SilentOf(l *registry.Silent, now time.Time) Silent {
	return Silent{
		App: l.Key.App, ID: l.Key.ID, Status: l.Status.String(),
		LastHeard: l.Heard.UTC().Truncate(time.Second), RunsOut: l.RunsOut.UTC().Truncate(time.Second), Expired: l.Expired(now),
	}
}
