package fake

import (
	"context"
	"time"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// MachineRunner is what happens inside machines.
type MachineRunner interface {
	// Run boots a machine and is the machine until ctx is done, which is when it
	// is deleted, switched off or killed. It calls report at each step that an
	// observer may want to see; report may be called from any goroutine.
	Run(ctx context.Context, m Machine, report func(Boot))
}

// Machine is what a machine is made of when it boots.
type Machine struct {
	// Identifier is VPSie's.
	Identifier string
	// Hostname as VPSie spells it, which may not be the case it was ordered in.
	Hostname string
	// Offering as sold, and the datacenter where it stands.
	Offering   offerings.Offering
	Datacenter offerings.Datacenter
	// Addresses are the machine's at this moment, empty when it has none: a VPC's
	// address may come while the machine runs. Nil: it never has any.
	Addresses func() (public, private string)
	// UserData and Script are executed at boot, in this order. They may hold
	// secrets.
	UserData, Script []byte
}

// Boot is how far a machine's boot got.
type Boot struct {
	// Stage is one of the Boot constants.
	Stage string `json:"stage"`
	// Node is the name of the Node that it became, once it joined.
	Node string `json:"node,omitempty"`
	// Reason says why a boot failed, without the secrets of the user data.
	Reason string `json:"reason,omitempty"`
	// At is when the machine got there.
	At time.Time `json:"at"`
}

// Stages of a boot.
const (
	// BootWaiting: the machine does not execute anything yet.
	BootWaiting = "waiting"
	// BootRunning: it executes its user data.
	BootRunning = "running"
	// BootJoined: it registered its Node.
	BootJoined = "joined"
	// BootReady: its Node is Ready.
	BootReady = "ready"
	// BootDone: it executed its user data, which did not ask it to join.
	BootDone = "done"
	// BootFailed: something failed, for good.
	BootFailed = "failed"
	// BootStopped: it is off, dead or deleted.
	BootStopped = "stopped"
)
