package verify

import (
	"math/rand/v2"
	"testing"

	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

var (
	randomApps       = []string{"web", "db", "cache"}
	randomNamespaces = []string{"default", "other"}
	randomKeys       = []string{v1.LabelHostname, v1.LabelTopologyZone}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// randomPod draws a pod with some of the properties that pods disturb each
// other with.
func randomPod(r *rand.Rand, name string) *v1.Pod {
	options := []podOption{app(pick(r, randomApps)), simtest.In(pick(r, randomNamespaces))}
	wide := func() func(*v1.PodAffinityTerm) {
		if r.IntN(3) == 0 {
			return among(randomNamespaces...)
		}
		return among()
	}
	if r.IntN(4) == 0 {
		options = append(options, simtest.Spread(pick(r, randomKeys), int32(1+r.IntN(2)), pick(r, randomApps)))
	}
	if r.IntN(4) == 0 {
		options = append(options, simtest.Apart(pick(r, randomKeys), pick(r, randomApps), wide()))
	}
	if r.IntN(6) == 0 {
		options = append(options, simtest.Apart(pick(r, randomKeys), pick(r, randomApps), wide()))
	}
	if r.IntN(5) == 0 {
		options = append(options, simtest.Together(pick(r, randomKeys), pick(r, randomApps), wide()))
	}
	if r.IntN(8) == 0 {
		options = append(options, simtest.Together(pick(r, randomKeys), pick(r, randomApps), wide()))
	}
	if r.IntN(6) == 0 {
		options = append(options, simtest.HostPort(int32(80+r.IntN(2))))
	}
	if r.IntN(4) == 0 {
		options = append(options, simtest.Priority(int32(r.IntN(3))))
	}
	if r.IntN(10) == 0 {
		options = append(options, simtest.Selects(v1.LabelTopologyZone, pick(r, []string{"a", "b", "c"})))
	}
	return newPod(name, int64(r.IntN(4))*250, options...)
}

// randomScenario draws a small cluster and pods that wait; nothing is planned.
func randomScenario(t testing.TB, r *rand.Rand, waiting int) *scenario {
	s := newScenario(t)
	nodes := 2 + r.IntN(5)
	for i := range nodes {
		options := []nodeOption{zone(pick(r, []string{"a", "b", "c"})), podLimit(int64(3 + r.IntN(4)))}
		if r.IntN(8) == 0 {
			options = append(options, taint("closed"))
		}
		spec := machine(numbered("node", i), int64(1000+r.IntN(3)*500), options...)
		if r.IntN(2) == 0 {
			s.today(spec)
		} else {
			s.add(spec)
		}
	}
	for i := range r.IntN(4) {
		if len(s.request.Objects.Nodes) == 0 {
			break
		}
		pod := randomPod(r, numbered("running", i))
		pod.Spec.NodeName = pick(r, s.request.Objects.Nodes).Name
		s.request.Objects.Pods = append(s.request.Objects.Pods, pod)
	}
	for i := range waiting {
		s.pending(randomPod(r, numbered("pod", i)))
	}
	return s
}

func (s *scenario) nodeNames() []string {
	var names []string
	for _, node := range s.request.Objects.Nodes {
		names = append(names, node.Name)
	}
	for _, spec := range s.request.Added {
		names = append(names, spec.Node.Name)
	}
	return names
}

// planAt plans the pending pods for the nodes that draw names.
func (s *scenario) planAt(draw func(pod *v1.Pod) string) {
	for _, pod := range s.request.Objects.Pods {
		if pod.Spec.NodeName == "" {
			if node := draw(pod); node != "" {
				s.request.Planned[nameOf(pod)] = node
			}
		}
	}
}

func seeded(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 37)) }
