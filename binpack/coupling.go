package binpack

import (
	"sort"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// coupling is what pending pods demand of other pods, reduced to counters. It
// guides the search; verification asks the scheduler.
//
// A node's place in a topology is its value under a topology key. Constraints
// on the hostname are constraints on what may share a machine and go into the
// packing problem; all others are settled first, per cell. A cell is one
// combination of values under all the keys that matter.
type coupling struct {
	namespaces map[string]labels.Set
	matchers   []*matcher
	byKey      map[string]int
	// of holds each class's constraints.
	of []constraints
	// keys are the topology keys other than the hostname, cells their combinations.
	keys  []string
	cells []cell
	// standing are the required anti-affinity terms of running pods that select
	// some pending class.
	standing []standingTerm
}

// cell is one value per key of coupling.keys; "" where nodes lack the label.
type cell []string

// matcher is a selector of pods that some constraint counts.
type matcher struct {
	match func(pod *v1.Pod, namespace labels.Set) bool
	// classes are the indices of the pending classes that it selects.
	classes []int
	selects []bool
	// onNode counts the running pods that it selects, per node of today; nil
	// when only running pods' own terms use the matcher.
	onNode []int
	// counted says that a pending pod's constraint counts by it.
	counted bool
}

// constraints of one class.
type constraints struct {
	spreads      []spread
	antiAffinity []term
	// affinity is met by pods that match all terms at once.
	affinity     []string
	affinityPods int
	// pinned classes are assigned to cells: they have a constraint over a
	// wider topology than the node, or somebody else's counts them.
	pinned bool
}

type spread struct {
	simulator.Spread
	matcher int
	// counts says per node of today whether it counts (node inclusion policies).
	counts []bool
}

type term struct {
	key     string
	matcher int
}

// standingTerm is a running pod's required anti-affinity.
type standingTerm struct {
	term
	node int
}

const noMatcher = -1

// couple extracts the constraints of all classes.
func (p *planner) couple() error {
	m := &coupling{namespaces: map[string]labels.Set{}, byKey: map[string]int{}, of: make([]constraints, len(p.classes))}
	p.model = m
	for _, namespace := range p.cluster.Objects().Namespaces {
		m.namespaces[namespace.Name] = namespace.Labels
	}
	for i, c := range p.classes {
		if err := p.constrain(&m.of[i], c); err != nil {
			return err
		}
	}
	p.findStanding()
	p.count()
	m.findKeys()
	p.findCells()
	m.pin()
	return nil
}

func (p *planner) constrain(cs *constraints, c *class) error {
	pod, m := c.pod(), p.model
	cs.affinityPods = noMatcher
	spreads, err := p.cluster.HardSpreads(pod)
	if err != nil {
		return podError(pod, err)
	}
	for _, s := range spreads {
		namespace, selector := pod.Namespace, s.Selector
		cs.spreads = append(cs.spreads, spread{
			Spread: s,
			matcher: m.counting("spread\x00"+namespace+"\x00"+selector.String(), func(other *v1.Pod, _ labels.Set) bool {
				return other.Namespace == namespace && other.DeletionTimestamp == nil && selector.Matches(labels.Set(other.Labels))
			}),
			counts: p.included(pod, s),
		})
	}
	affinity := pod.Spec.Affinity
	if affinity == nil {
		return nil
	}
	anti, err := fwk.GetAffinityTerms(pod, fwk.GetPodAntiAffinityTerms(affinity))
	if err != nil {
		return podError(pod, err)
	}
	for _, t := range anti {
		cs.antiAffinity = append(cs.antiAffinity, term{key: t.TopologyKey, matcher: m.counting(termKey(&t), t.Matches)})
	}
	wanted, err := fwk.GetAffinityTerms(pod, fwk.GetPodAffinityTerms(affinity))
	if err != nil {
		return podError(pod, err)
	}
	if len(wanted) == 0 {
		return nil
	}
	key := "all"
	for i := range wanted {
		cs.affinity = append(cs.affinity, wanted[i].TopologyKey)
		key += "\x00" + termKey(&wanted[i])
	}
	cs.affinityPods = m.counting(key, func(other *v1.Pod, namespace labels.Set) bool {
		for i := range wanted {
			if !wanted[i].Matches(other, namespace) {
				return false
			}
		}
		return true
	})
	return nil
}

func termKey(t *fwk.AffinityTerm) string {
	namespaces := t.Namespaces.UnsortedList()
	sort.Strings(namespaces)
	key := "term\x00" + t.Selector.String() + "\x00"
	for _, namespace := range namespaces {
		key += namespace + ","
	}
	return key + "\x00" + t.NamespaceSelector.String()
}

func (m *coupling) matcher(key string, match func(*v1.Pod, labels.Set) bool) int {
	if i, ok := m.byKey[key]; ok {
		return i
	}
	m.byKey[key] = len(m.matchers)
	m.matchers = append(m.matchers, &matcher{match: match})
	return len(m.matchers) - 1
}

// counting is matcher for a constraint of a pending pod.
func (m *coupling) counting(key string, match func(*v1.Pod, labels.Set) bool) int {
	i := m.matcher(key, match)
	m.matchers[i].counted = true
	return i
}

// included applies the constraint's node inclusion policies to today's nodes.
func (p *planner) included(pod *v1.Pod, s simulator.Spread) []bool {
	counts := make([]bool, len(p.nodes))
	includes := inclusion(pod, &s)
	for i, n := range p.nodes {
		counts[i] = includes(n.info.Node())
	}
	return counts
}

// inclusion says by the constraint's policies which nodes count.
func inclusion(pod *v1.Pod, s *simulator.Spread) func(*v1.Node) bool {
	required := nodeaffinity.GetRequiredNodeAffinity(pod)
	return func(node *v1.Node) bool {
		if s.HonorAffinity {
			if matches, err := required.Match(node); err != nil || !matches {
				return false
			}
		}
		if !s.HonorTaints {
			return true
		}
		_, untolerated := corev1.FindMatchingUntoleratedTaint(klog.Background(), node.Spec.Taints, pod.Spec.Tolerations, func(taint *v1.Taint) bool {
			return taint.Effect == v1.TaintEffectNoSchedule || taint.Effect == v1.TaintEffectNoExecute
		}, false)
		return !untolerated
	}
}

// findStanding collects the anti-affinity of running pods.
func (p *planner) findStanding() {
	m := p.model
	for i, n := range p.nodes {
		for _, running := range n.info.PodsWithRequiredAntiAffinity {
			for _, t := range running.GetRequiredAntiAffinityTerms() {
				m.standing = append(m.standing, standingTerm{term{key: t.TopologyKey, matcher: m.matcher(termKey(&t), t.Matches)}, i})
			}
		}
	}
}

// count lets every matcher look at the pending classes and the running pods.
func (p *planner) count() {
	m := p.model
	for _, matcher := range m.matchers {
		matcher.selects = make([]bool, len(p.classes))
		for i, c := range p.classes {
			if matcher.match(c.pod(), m.namespaces[c.pod().Namespace]) {
				matcher.selects[i] = true
				matcher.classes = append(matcher.classes, i)
			}
		}
		if !matcher.counted {
			continue
		}
		matcher.onNode = make([]int, len(p.nodes))
		for i, n := range p.nodes {
			for _, running := range n.info.Pods {
				pod := running.GetPod()
				if matcher.match(pod, m.namespaces[pod.Namespace]) {
					matcher.onNode[i]++
				}
			}
		}
	}
	meeting := m.standing[:0]
	for _, s := range m.standing {
		if len(m.matchers[s.matcher].classes) > 0 {
			meeting = append(meeting, s)
		}
	}
	m.standing = meeting
}

func (m *coupling) findKeys() {
	seen := map[string]bool{v1.LabelHostname: true}
	add := func(key string) {
		if !seen[key] {
			seen[key] = true
			m.keys = append(m.keys, key)
		}
	}
	for i := range m.of {
		for _, s := range m.of[i].spreads {
			add(s.TopologyKey)
		}
		for _, t := range m.of[i].antiAffinity {
			add(t.key)
		}
		for _, key := range m.of[i].affinity {
			add(key)
		}
	}
	for _, s := range m.standing {
		add(s.key)
	}
	sort.Strings(m.keys)
}

// findCells numbers the cells of today's nodes and of the templates.
func (p *planner) findCells() {
	m := p.model
	numbers := map[string]int{}
	number := func(nodeLabels map[string]string) int {
		c := make(cell, len(m.keys))
		var w keyWriter
		for i, key := range m.keys {
			c[i] = nodeLabels[key]
			w.text(c[i])
		}
		n, ok := numbers[string(w.buffer)]
		if !ok {
			n = len(m.cells)
			numbers[string(w.buffer)] = n
			m.cells = append(m.cells, c)
		}
		return n
	}
	for _, k := range p.kinds {
		k.cell = number(k.spec.Node.Labels)
	}
	for _, n := range p.nodes {
		n.cell = number(n.info.Node().Labels)
	}
}

// key returns the position of a topology key in every cell; -1 for the hostname.
func (m *coupling) key(name string) int {
	for i, key := range m.keys {
		if key == name {
			return i
		}
	}
	return -1
}

// pin marks the classes that are assigned to cells.
func (m *coupling) pin() {
	counted := func(matcher int) {
		for _, c := range m.matchers[matcher].classes {
			m.of[c].pinned = true
		}
	}
	for i := range m.of {
		cs := &m.of[i]
		for _, s := range cs.spreads {
			if s.TopologyKey != v1.LabelHostname {
				cs.pinned = true
				counted(s.matcher)
			}
		}
		for _, t := range cs.antiAffinity {
			if t.key != v1.LabelHostname {
				cs.pinned = true
				counted(t.matcher)
			}
		}
		for _, key := range cs.affinity {
			if key != v1.LabelHostname {
				cs.pinned = true
				counted(cs.affinityPods)
			}
		}
	}
	// A running pod's wider anti-affinity closes whole domains to a class.
	for _, s := range m.standing {
		if s.key != v1.LabelHostname {
			counted(s.matcher)
		}
	}
}
