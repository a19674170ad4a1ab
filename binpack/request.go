package binpack

import (
	"slices"
	"strings"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/vector"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// Request is one question: what must be bought so that the pending pods run?
type Request struct {
	Objects   simulator.Objects
	Scheduler *simulator.SchedulerConfig
	// FeatureGates are those set with simulator.SetFeatureGates; they are part
	// of the plan's identity.
	FeatureGates map[string]bool
	Catalog      *offerings.Catalog
	// NodeGroups say what may be bought. With none there is one open group over
	// all offerings and datacenters, and a node belongs to it when its
	// instance-type label names an offering.
	NodeGroups []*v1alpha1.NodeGroup
	// Unavailable are templates ("offering/nodegroup/datacenter", "*" for all of a
	// kind) that are not bought now: sold out, or failed too often of late.
	Unavailable []string
	// TakenNames are names that no machine may get, beside those of nodes.
	TakenNames []string
	// Limits cap the whole cluster: nodes of today, whoever owns them, and
	// machines to buy.
	Limits Limits
	// NoScaleUp buys nothing: pending pods go onto today's nodes or nowhere.
	NoScaleUp bool
	// ExpendableBelow is the priority below which no machine is bought for a
	// pod. Nil stands for DefaultExpendableBelow.
	ExpendableBelow *int32
	// Work bounds the search in the units of vector.Budget; 0 stands for DefaultWork.
	Work int64
	// SkipScoreOrder says that whoever carries the plan out nominates its pods: how
	// they would land without that is not looked into. It is no part of the plan's
	// identity, and may change placement from scoreOrder to notHeld.
	SkipScoreOrder bool
	// Sums spares hashing objects that were in the request before; nil is fine.
	Sums *Sums
	// Stage is told the name of each stage when it begins ("decide", "verify",
	// "repair"), for progress and for accounting; nil is fine.
	Stage func(name string)
}

// DefaultWork is what a search may cost when the request does not say.
const DefaultWork = vector.DefaultWork

// DefaultExpendableBelow is Cluster Autoscaler's cut-off.
const DefaultExpendableBelow int32 = -10

// Limits caps sums over the cluster; 0 means no cap. CPU and memory are as sold.
type Limits struct {
	Nodes        int
	MilliCPU     int64
	MemoryBytes  int64
	PricePerHour float64
}

// unavailable says that the request rules the template out.
func (r *Request) unavailable(t *Template) bool {
	return slices.ContainsFunc(r.Unavailable, func(pattern string) bool {
		offering, rest, _ := strings.Cut(pattern, "/")
		group, datacenter, _ := strings.Cut(rest, "/")
		return matches(offering, t.Offering.Name) && matches(group, t.NodeGroup.Name) && matches(datacenter, t.Datacenter.ID)
	})
}

func matches(pattern, name string) bool { return pattern == "*" || pattern == name }

func (r *Request) stage(name string) {
	if r.Stage != nil {
		r.Stage(name)
	}
}

func (r *Request) expendableBelow() int32 {
	if r.ExpendableBelow != nil {
		return *r.ExpendableBelow
	}
	return DefaultExpendableBelow
}
