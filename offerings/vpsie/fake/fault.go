package fake

import (
	"fmt"
	"slices"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind string

// The faults. Those that say "done" happen after the request took effect.
const (
	// TimeoutAfterSuccess: done, but no answer comes until the client gives up
	// (or Duration has passed, then the connection is closed).
	TimeoutAfterSuccess FaultKind = "TimeoutAfterSuccess"
	// LostResponse: done, but the connection is closed without an answer.
	LostResponse FaultKind = "LostResponse"
	// ErrorAfterSuccess: done, but the answer is an HTML page with Status (502).
	ErrorAfterSuccess FaultKind = "ErrorAfterSuccess"
	// ConnectionReset: the connection is reset; nothing was done.
	ConnectionReset FaultKind = "ConnectionReset"
	// ServerError: an HTML page with Status (502); nothing was done.
	ServerError FaultKind = "ServerError"
	// Slow: done, and answered after Duration.
	Slow FaultKind = "Slow"
	// Duplicate: an order makes two machines with the same host name.
	Duplicate FaultKind = "Duplicate"
	// WrongPassword: a deletion is refused as if the password were wrong.
	WrongPassword FaultKind = "WrongPassword"
	// TokenExpired: the token that the request carries is expired from now on.
	TokenExpired FaultKind = "TokenExpired"
	// RateLimited: 429; nothing was done.
	RateLimited FaultKind = "RateLimited"
	// StockOut: an order is refused because the offering is sold out there.
	StockOut FaultKind = "StockOut"
	// QuotaExceeded: an order is refused because the account has too many machines.
	QuotaExceeded FaultKind = "QuotaExceeded"
	// BusinessError: HTTP 200 with error:true and a message of no known meaning;
	// nothing was done.
	BusinessError FaultKind = "BusinessError"
	// Garbage: done, but the answer is truncated, or of wrong types, or no JSON.
	Garbage FaultKind = "Garbage"
	// PartialList: one machine is missing from a list (or not found when asked for).
	PartialList FaultKind = "PartialList"
	// EmptyList: a list is empty, and says that it succeeded.
	EmptyList FaultKind = "EmptyList"
)

var faultKinds = []FaultKind{
	TimeoutAfterSuccess, LostResponse, ErrorAfterSuccess, ConnectionReset, ServerError, Slow, Duplicate, WrongPassword,
	TokenExpired, RateLimited, StockOut, QuotaExceeded, BusinessError, Garbage, PartialList, EmptyList,
}

// Fault is one rule. Of the rules that fit a request, the first that fires does;
// each rule counts the requests that fit it, those that it let pass included.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Operation that the rule is for; empty for any.
	Operation Operation `json:"operation,omitempty"`
	// Hostname of the machine that the request is about; empty for any.
	Hostname string `json:"hostname,omitempty"`
	// Offering, by name, that the request is about; empty for any.
	Offering string `json:"offering,omitempty"`
	// Probability of firing, 0 meaning 1.
	Probability float64 `json:"probability,omitempty"`
	// After is how many fitting requests pass before the rule begins.
	After int `json:"after,omitempty"`
	// Count is how often the rule fires at most. 0 is no limit.
	Count int `json:"count,omitempty"`
	// Duration of Slow (default 1 s) and TimeoutAfterSuccess (default 5 min).
	Duration Duration `json:"duration,omitempty"`
	// Status of ServerError and ErrorAfterSuccess. Default 502.
	Status int `json:"status,omitempty"`

	// nth request that the rule fitted is the one it hit; see fault.
	nth int
}

// Duration is written like 1.5s in JSON.
type Duration time.Duration

// MarshalText writes the duration as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) {
	return []byte(time.Duration(d).String()), nil
}

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// rule is a Fault in force.
type rule struct {
	Fault
	seen, fired int
}

func checkFaults(faults []Fault) error {
	for i, f := range faults {
		switch {
		case !slices.Contains(faultKinds, f.Kind):
			return fmt.Errorf("fake: faults[%d]: unknown kind %q", i, f.Kind)
		case f.Operation != "" && !slices.Contains(Operations(), f.Operation):
			return fmt.Errorf("fake: faults[%d]: unknown operation %q", i, f.Operation)
		case !(f.Probability >= 0 && f.Probability <= 1):
			return fmt.Errorf("fake: faults[%d]: probability must be between 0 and 1, got %v", i, f.Probability)
		case f.After < 0 || f.Count < 0 || f.Duration < 0:
			return fmt.Errorf("fake: faults[%d]: after, count and duration must not be negative", i)
		case f.Status != 0 && (f.Status < 400 || f.Status > 599):
			return fmt.Errorf("fake: faults[%d]: status must be between 400 and 599, got %d", i, f.Status)
		}
	}
	return nil
}

// fault returns the fault that hits this request, nil if none does.
func (s *Server) fault(op Operation, hostname, offering string) *Fault {
	for i, r := range s.rules {
		if r.Operation != "" && r.Operation != op ||
			r.Hostname != "" && fold(r.Hostname) != fold(hostname) ||
			r.Offering != "" && r.Offering != offering {
			continue
		}
		r.seen++
		if r.seen <= r.After || r.Count > 0 && r.fired >= r.Count {
			continue
		}
		if r.Probability > 0 && s.draw("fault", fmt.Sprint(i), string(op), fmt.Sprint(r.seen)).Float64() >= r.Probability {
			continue
		}
		r.fired++
		hit := r.Fault
		hit.nth = r.seen
		return &hit
	}
	return nil
}
