package binpack

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// soldBigger says that more is sold than pods can use.
func soldBigger(o *offerings.Offering) {
	o.Capacity = offerings.Resources{MilliCPU: 5000, MemoryBytes: 20 << 30, EphemeralBytes: 100 << 30, MaxPods: 110}
}

func TestLimitsOfAGroup(t *testing.T) {
	// Each machine holds four of the ten pods: three are needed. Sold are 5
	// cores and 20 GiB each, which limits count.
	for name, test := range map[string]struct {
		change func(*v1alpha1.NodeGroupSpec)
		bought int
		reason string
	}{
		"none":                   {func(*v1alpha1.NodeGroupSpec) {}, 3, ""},
		"nodes":                  {func(s *v1alpha1.NodeGroupSpec) { s.MaxNodes = 2 }, 2, "nodes"},
		"cpu, as sold":           {func(s *v1alpha1.NodeGroupSpec) { s.Limits = &v1alpha1.Limits{CPU: quantity("14")} }, 2, "cpu"},
		"cpu, exactly enough":    {func(s *v1alpha1.NodeGroupSpec) { s.Limits = &v1alpha1.Limits{CPU: quantity("15")} }, 3, ""},
		"memory, as sold":        {func(s *v1alpha1.NodeGroupSpec) { s.Limits = &v1alpha1.Limits{Memory: quantity("59Gi")} }, 2, "memory"},
		"memory, exactly enough": {func(s *v1alpha1.NodeGroupSpec) { s.Limits = &v1alpha1.Limits{Memory: quantity("60Gi")} }, 3, ""},
		"price":                  {func(s *v1alpha1.NodeGroupSpec) { s.Limits = &v1alpha1.Limits{PricePerHour: quantity("299m")} }, 2, "price per hour"},
		"price, exactly enough":  {func(s *v1alpha1.NodeGroupSpec) { s.Limits = &v1alpha1.Limits{PricePerHour: quantity("300m")} }, 3, ""},
		"too low for anything":   {func(s *v1alpha1.NodeGroupSpec) { s.Limits = &v1alpha1.Limits{PricePerHour: quantity("50m")} }, 0, "price per hour"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, sells(t, offer("small", 4, 16, 0.1, soldBigger)), pods(10, "web", "1", "1Gi")...)
			r.NodeGroups = []*v1alpha1.NodeGroup{nodeGroup("g", test.change)}
			p := scaleUp(t, r)
			assert.Len(t, p.Add, test.bought)
			assert.Len(t, p.Unschedulable, max(0, 10-4*test.bought))
			for _, pod := range left(p) {
				assert.Equal(t, []string{"* Limits: NodeGroup g is at its limit of " + test.reason}, reasonsOf(t, p, pod))
			}
		})
	}
}

func TestLimitsOfTheCluster(t *testing.T) {
	for name, test := range map[string]struct {
		limits Limits
		bought int
		reason string
	}{
		"nodes":              {Limits{Nodes: 3}, 2, "nodes"},
		"cpu":                {Limits{MilliCPU: 14_000}, 2, "cpu"},
		"cpu, enough":        {Limits{MilliCPU: 19_000}, 3, ""},
		"memory":             {Limits{MemoryBytes: 47 << 30}, 1, "memory"},
		"price":              {Limits{PricePerHour: 0.25}, 2, "price per hour"},
		"price, enough":      {Limits{PricePerHour: 0.3}, 3, ""},
		"full before we buy": {Limits{Nodes: 1}, 0, "nodes"},
		"more than full":     {Limits{MilliCPU: 1_000}, 0, "cpu"},
	} {
		t.Run(name, func(t *testing.T) {
			// A node of nobody's, with 4 cores and 16 GiB, counts at no price.
			objects := append(pods(10, "web", "1", "1Gi"), simtest.Node("theirs", "4", "16Gi", simtest.Cordoned))
			r := request(t, sells(t, offer("small", 4, 16, 0.1, soldBigger)), objects...)
			r.Limits = test.limits
			p := scaleUp(t, r)
			assert.Len(t, p.Add, test.bought)
			assert.Zero(t, p.PricePerHour.Before)
			for _, pod := range left(p) {
				assert.Equal(t, []string{"* Limits: the cluster is at its limit of " + test.reason}, reasonsOf(t, p, pod))
			}
		})
	}
}

func TestNodesOfTodayCountAgainstLimits(t *testing.T) {
	catalog := small(t)
	objects := func(change ...func(*v1.Node)) Request {
		return request(t, catalog, append(pods(10, "web", "1", "1Gi"), simtest.Node("today", "4", "16Gi", append(change, simtest.Cordoned)...))...)
	}
	three := nodeGroup("g", func(s *v1alpha1.NodeGroupSpec) { s.MaxNodes = 3 })
	t.Run("of the group that owns them", func(t *testing.T) {
		r := objects(ours("g", "small"))
		r.NodeGroups = []*v1alpha1.NodeGroup{three}
		p := scaleUp(t, r)
		assert.Len(t, p.Add, 2)
		assert.InDelta(t, 0.1, p.PricePerHour.Before, 1e-9)
		assert.InDelta(t, 0.3, p.PricePerHour.After, 1e-9)
	})
	t.Run("not of another group", func(t *testing.T) {
		r := objects(ours("other", "small"))
		r.NodeGroups = []*v1alpha1.NodeGroup{three}
		assert.Len(t, scaleUp(t, r).Add, 3)
	})
	t.Run("of the group's price limit", func(t *testing.T) {
		r := objects(ours("g", "small"))
		r.NodeGroups = []*v1alpha1.NodeGroup{nodeGroup("g", func(s *v1alpha1.NodeGroupSpec) {
			s.Limits = &v1alpha1.Limits{PricePerHour: quantity("350m")}
		})}
		assert.Len(t, scaleUp(t, r).Add, 2)
	})
	t.Run("without groups a node is ours by its instance type", func(t *testing.T) {
		r := objects(ours("", "small"))
		r.Limits.PricePerHour = 0.35
		assert.Len(t, scaleUp(t, r).Add, 2)
	})
}

func TestMinimumOfAGroup(t *testing.T) {
	catalog := sells(t, offer("big", 8, 32, 0.3), offer("small", 4, 16, 0.1))
	atLeast := func(n int32, change ...func(*v1alpha1.NodeGroupSpec)) *v1alpha1.NodeGroup {
		return nodeGroup("g", append(change, func(s *v1alpha1.NodeGroupSpec) { s.MinNodes = n })...)
	}
	t.Run("is bought for nobody", func(t *testing.T) {
		r := request(t, catalog)
		r.NodeGroups = []*v1alpha1.NodeGroup{atLeast(2)}
		p := scaleUp(t, r)
		assert.Equal(t, map[string]int{"small": 2}, bought(p))
		assert.Empty(t, p.Add[0].Pods)
	})
	t.Run("is filled up with empty machines", func(t *testing.T) {
		r := request(t, catalog, simtest.Pod("web", "1", "1Gi"))
		r.NodeGroups = []*v1alpha1.NodeGroup{atLeast(2), nodeGroup("other")}
		p := scaleUp(t, r)
		assert.Equal(t, map[string]int{"small": 2}, bought(p))
	})
	t.Run("is met by nodes of today", func(t *testing.T) {
		r := request(t, catalog, simtest.Node("today", "4", "16Gi", ours("g", "small")))
		r.NodeGroups = []*v1alpha1.NodeGroup{atLeast(2)}
		assert.Len(t, scaleUp(t, r).Add, 1)
	})
	t.Run("is not bought when paused", func(t *testing.T) {
		r := request(t, catalog)
		r.NodeGroups = []*v1alpha1.NodeGroup{atLeast(2, func(s *v1alpha1.NodeGroupSpec) { s.Paused = true })}
		assert.Empty(t, scaleUp(t, r).Add)
	})
	t.Run("is not bought when scale-up is off", func(t *testing.T) {
		r := request(t, catalog, simtest.Pod("web", "1", "1Gi"))
		r.NodeGroups, r.NoScaleUp = []*v1alpha1.NodeGroup{atLeast(2)}, true
		p := scaleUp(t, r)
		assert.Empty(t, p.Add)
		assert.Equal(t, []string{"* ScaleUp: scale-up is off"}, reasonsOf(t, p, "web"))
		assert.Equal(t, "no nodes available to schedule pods", p.Unschedulable[0].Summary)
	})
	t.Run("as far as the cluster's limit allows", func(t *testing.T) {
		r := request(t, catalog)
		r.NodeGroups, r.Limits.Nodes = []*v1alpha1.NodeGroup{atLeast(5)}, 3
		assert.Len(t, scaleUp(t, r).Add, 3)
	})
	t.Run("takes what is preferred", func(t *testing.T) {
		r := request(t, catalog)
		r.NodeGroups = []*v1alpha1.NodeGroup{atLeast(1, func(s *v1alpha1.NodeGroupSpec) { s.PreferredInstanceType = "big" })}
		assert.Equal(t, map[string]int{"big": 1}, bought(scaleUp(t, r)))
	})
	t.Run("of two groups", func(t *testing.T) {
		r := request(t, catalog, pods(4, "web", "1", "1Gi")...)
		other := atLeast(1)
		other.Name = "h"
		r.NodeGroups = []*v1alpha1.NodeGroup{atLeast(1), other}
		p := scaleUp(t, r)
		require.Len(t, p.Add, 2)
		assert.NotEqual(t, p.Add[0].NodeGroup, p.Add[1].NodeGroup)
	})
}

func TestWhenLimitsBindTheHigherPriorityIsServedFirst(t *testing.T) {
	catalog := small(t)
	one := []*v1alpha1.NodeGroup{nodeGroup("g", func(s *v1alpha1.NodeGroupSpec) { s.MaxNodes = 1 })}
	t.Run("although the lower one packs better", func(t *testing.T) {
		r := request(t, catalog, append(pods(4, "low", "1", "1Gi"), simtest.Pod("high", "3", "1Gi", simtest.Priority(10)))...)
		r.NodeGroups = one
		p := scaleUp(t, r)
		assert.NotEmpty(t, placeOf(p, "high"))
		assert.Len(t, p.Unschedulable, 3)
	})
	t.Run("and the lower ones get the rest of its machines", func(t *testing.T) {
		r := request(t, catalog, append(append(pods(2, "low", "1", "1Gi"), pods(2, "middle", "1", "1Gi", simtest.Priority(5))...),
			pods(1, "high", "2", "1Gi", simtest.Priority(10))...)...)
		r.NodeGroups = one
		p := scaleUp(t, r)
		assert.Equal(t, []string{"low-0", "low-1"}, left(p))
	})
	t.Run("also across a zone spread", func(t *testing.T) {
		objects := all(
			pods(6, "low", "4", "1Gi", simtest.Label("app", "low"), simtest.Spread(zone, 1, "low")),
			pods(3, "high", "4", "1Gi", simtest.Priority(10), simtest.Label("app", "high"), simtest.Spread(zone, 1, "high")))
		r := request(t, catalog, objects...)
		r.Limits.Nodes = 5
		p := scaleUp(t, r)
		assert.Len(t, p.Unschedulable, 4)
		for _, pod := range left(p) {
			assert.True(t, strings.HasPrefix(pod, "low"), pod)
		}
	})
	t.Run("also of pods that the simulator places", func(t *testing.T) {
		r := request(t, catalog, all(
			list(simtest.StorageClass("fast", "disk.example.com"), simtest.PVC("shared", "fast"), simtest.PVC("other", "fast")),
			pods(2, "low", "2", "1Gi", simtest.Mounts("other")),
			pods(2, "high", "2", "1Gi", simtest.Mounts("shared"), simtest.Priority(10)))...)
		r.NodeGroups = one
		assert.Equal(t, []string{"low-0", "low-1"}, left(scaleUp(t, r)))
	})
	t.Run("also of pods that the simulator places, against packed ones", func(t *testing.T) {
		r := request(t, catalog, all(
			list(simtest.StorageClass("fast", "disk.example.com"), simtest.PVC("shared", "fast")),
			pods(4, "low", "1", "1Gi"),
			pods(2, "high", "2", "1Gi", simtest.Mounts("shared"), simtest.Priority(10)))...)
		r.NodeGroups = one
		assert.Equal(t, []string{"low-0", "low-1", "low-2", "low-3"}, left(scaleUp(t, r)))
	})
	t.Run("also for the room of today when nothing may be bought", func(t *testing.T) {
		r := request(t, catalog, append(pods(4, "low", "1", "1Gi"), simtest.Pod("high", "3", "1Gi", simtest.Priority(10)), simtest.Node("n", "4", "16Gi"))...)
		r.NoScaleUp = true
		p := scaleUp(t, r)
		assert.Equal(t, "n", placeOf(p, "high"))
		assert.Len(t, p.Unschedulable, 3)
	})
	t.Run("of equal ones the older", func(t *testing.T) {
		r := request(t, catalog, simtest.Pod("a-new", "4", "1Gi", simtest.Created(20)), simtest.Pod("b-old", "4", "1Gi", simtest.Created(10)))
		r.NodeGroups = one
		assert.Equal(t, []string{"a-new"}, left(scaleUp(t, r)))
	})
	t.Run("not when something else keeps pods pending", func(t *testing.T) {
		// Decided one priority after the other they would need two machines.
		r := request(t, sells(t, offer("big", 8, 32, 0.15), offer("small", 4, 16, 0.1)),
			append(pods(4, "low", "1", "1Gi"), simtest.Pod("high", "3", "1Gi", simtest.Priority(10)), simtest.Pod("never", "99", "1Gi"))...)
		p := scaleUp(t, r)
		assert.Equal(t, []string{"never"}, left(p))
		assert.Equal(t, map[string]int{"big": 1}, bought(p))
	})
}

func TestTiesGoToTheGroupOfHigherPriority(t *testing.T) {
	catalog := small(t)
	for _, favourite := range []string{"a", "b"} {
		r := request(t, catalog, pods(4, "web", "1", "1Gi")...)
		for _, name := range []string{"a", "b"} {
			r.NodeGroups = append(r.NodeGroups, nodeGroup(name, func(s *v1alpha1.NodeGroupSpec) {
				if name == favourite {
					s.Priority = 7
				}
			}))
		}
		p := scaleUp(t, r)
		require.Len(t, p.Add, 1)
		assert.Equal(t, favourite, p.Add[0].NodeGroup)
	}
}
