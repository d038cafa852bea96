package dashboard

import (
	"fmt"
	"strings"
	"time"
)

// A Warning is what somebody has to know before they trust the page.
type Warning struct {
	Severe bool
	Text   string
}

// Warnings returns what is not normal, worst first: one of the three warnings of S-SP-11, and that reads are refused.
func (v *View) Warnings() []Warning {
	var ws []Warning
	if w := v.Renewals.warning(v.Now); w.Text != "" {
		ws = append(ws, w)
	}
	if !v.Reads {
		ws = append(ws, Warning{Severe: true, Text: v.phaseWarning()})
	}
	if v.Passing > 0 {
		ws = append(ws, Warning{Text: fmt.Sprintf("Access is only observed: requests of %d kinds passed in the last 10 minutes that would be denied. heureka auth denied lists them.", v.Passing)})
	}
	return ws
}

func (v *View) phaseWarning() string {
	text := "Reads of the registry are refused while this node is " + v.Phase
	if !v.PhaseSince.IsZero() {
		text += " (" + ago(v.Now, v.PhaseSince) + ")"
	}
	if v.PhaseWhy != "" {
		text += ": " + v.PhaseWhy
	}
	return text + ". Registrations and heartbeats are accepted."
}

// warning is the table of S-SP-11. Whoever is on call looks for the word EMERGENCY.
func (r *Renewals) warning(now time.Time) Warning {
	switch {
	case r.BelowThreshold && r.ProtectionOn:
		return Warning{Severe: true, Text: "EMERGENCY: renewals are below the threshold, so no instance is being expired, just to be safe. " +
			"Instances may be listed as UP that are not" + r.held() + ". " + r.numbers() + r.protected(now)}
	case r.BelowThreshold:
		return Warning{Severe: true, Text: "Renewals are below the threshold and self-preservation is turned off: instances that miss their heartbeats " +
			"are being expired, even if only the network is to blame. " + r.numbers()}
	case !r.ProtectionOn:
		return Warning{Text: "Self-preservation is turned off: nothing protects instances from being expired when the network fails. " + r.numbers()}
	}
	return Warning{}
}

func (r *Renewals) numbers() string {
	return fmt.Sprintf("%d renewals in the last minute, threshold %d, expected %s.", r.LastMinute, r.Threshold, decimal(r.Expected))
}

func (r *Renewals) held() string {
	switch r.Expired {
	case 0:
		return ""
	case 1:
		return ": 1 lease ran out and is held"
	}
	return fmt.Sprintf(": %d leases ran out and are held", r.Expired)
}

func (r *Renewals) protected(now time.Time) string {
	if r.ProtectedSince.IsZero() {
		return ""
	}
	return fmt.Sprintf(" Protected since %s (%s).", r.ProtectedSince.Format(time.RFC3339), ago(now, r.ProtectedSince))
}

func ago(now, t time.Time) string {
	return "for " + max(now.Sub(t), 0).Round(time.Second).String()
}

// decimal writes f with at most one decimal.
func decimal(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }
