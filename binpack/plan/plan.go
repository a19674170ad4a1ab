package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// APIVersion and Kind identify a plan document.
const (
	APIVersion = "autoscaler.vpsie.com/v1alpha1"
	Kind       = "Plan"
)

// Placement says what keeps pods where the plan puts them.
type Placement string

const (
	// PlacementNominated means that kube-scheduler was shown to bind every pod
	// as planned when the pods are nominated to their nodes before the startup
	// taint is removed.
	PlacementNominated Placement = "nominated"
	// PlacementScoreOrder means that kube-scheduler, left alone with the plan's
	// nodes and choosing by its own scores, was shown to leave no planned pod
	// pending. Pods may land on other nodes than the plan names.
	PlacementScoreOrder Placement = "scoreOrder"
	// PlacementNotHeld means that each pod fits where the plan puts it, in the
	// plan's order, but that neither nominations nor score order were shown to
	// reproduce it.
	PlacementNotHeld Placement = "notHeld"
)

// Plan is one decision. Lists are sorted by name and never nil, prices are
// dollars per hour.
type Plan struct {
	APIVersion    string          `json:"apiVersion"`
	Kind          string          `json:"kind"`
	Metadata      Metadata        `json:"metadata"`
	Placement     Placement       `json:"placement"`
	Alternatives  []Alternative   `json:"alternatives"`
	PricePerHour  Price           `json:"pricePerHour"`
	LowerBound    LowerBound      `json:"lowerBound"`
	Add           []Machine       `json:"add"`
	Remove        []Removal       `json:"remove"`
	Existing      []ExistingNode  `json:"existing"`
	Unschedulable []Unschedulable `json:"unschedulable"`
	Stats         Stats           `json:"stats"`
}

// Metadata identifies a plan by what it was made from.
type Metadata struct {
	// ID is "plan-" and the first 16 hex digits of the SHA-256 of Inputs.
	ID     string `json:"id"`
	Inputs Inputs `json:"inputs"`
}

// Inputs holds the SHA-256 (hex) of each canonical input, and the scheduler's
// feature gates that differ from their defaults as "Name=true|false", sorted.
type Inputs struct {
	Snapshot        string   `json:"snapshot"`
	Catalog         string   `json:"catalog"`
	SchedulerConfig string   `json:"schedulerConfig"`
	FeatureGates    []string `json:"featureGates"`
}

// Alternative is another way to serve the same pods and its price, so that a
// user sees what the chosen plan saves.
type Alternative struct {
	Summary      string  `json:"summary"`
	PricePerHour float64 `json:"pricePerHour"`
}

// Price is the cluster's price in $/h: After = Before + Added - Removed.
type Price struct {
	Before  float64 `json:"before"`
	After   float64 `json:"after"`
	Added   float64 `json:"added"`
	Removed float64 `json:"removed"`
}

// LowerBound is a price in $/h below which no set of added machines can serve
// the pods that the plan places.
type LowerBound struct {
	PricePerHour float64 `json:"pricePerHour"`
	// Gap is Added/PricePerHour - 1; 0 when both are 0.
	Gap float64 `json:"gap"`
	// Method is "columnGeneration" for a proven bound on resources and static
	// constraints, or "resourceSum" for the cheapest price of the scarcest resource.
	Method string `json:"method"`
}

// Machine is one machine to buy and the pods planned for it (without the
// DaemonSet pods that it will also run).
type Machine struct {
	Name         string   `json:"name"`
	NodeGroup    string   `json:"nodeGroup"`
	Offering     string   `json:"offering"`
	Datacenter   string   `json:"datacenter"`
	Zone         string   `json:"zone"`
	PricePerHour float64  `json:"pricePerHour"`
	Pods         []string `json:"pods"`
}

// Removal is one node to give back and where its pods go.
type Removal struct {
	Name         string  `json:"name"`
	NodeGroup    string  `json:"nodeGroup"`
	Offering     string  `json:"offering"`
	PricePerHour float64 `json:"pricePerHour"`
	Reason       string  `json:"reason"`
	Pods         []Move  `json:"pods"`
}

// Move is one pod's new node.
type Move struct {
	Pod string `json:"pod"`
	To  string `json:"to"`
}

// ExistingNode is a node of today and the pending pods that go onto it.
type ExistingNode struct {
	Name string   `json:"name"`
	Pods []string `json:"pods"`
}

// Unschedulable is a pod that no node and no template can host. Summary is
// worded as kube-scheduler words it; Reasons lists every plugin that refuses,
// per template (or per node, named in the same field when no template exists).
type Unschedulable struct {
	Pod     string   `json:"pod"`
	Summary string   `json:"summary"`
	Reasons []Reason `json:"reasons"`
}

// Reason is one plugin's refusal.
type Reason struct {
	Template string `json:"template"`
	Plugin   string `json:"plugin"`
	Message  string `json:"message"`
}

// Stats counts the work done; no times, so that equal input gives equal bytes.
type Stats struct {
	Pods        int  `json:"pods"`
	Classes     int  `json:"classes"`
	Templates   int  `json:"templates"`
	FilterCalls int  `json:"filterCalls"`
	Truncated   bool `json:"truncated"`
}

// ID names a decision by what it was made from.
func ID(inputs Inputs) string {
	h := sha256.New()
	// Encoding strings into a hash cannot fail.
	_ = json.NewEncoder(h).Encode(inputs)
	return "plan-" + hex.EncodeToString(h.Sum(nil))[:16]
}
