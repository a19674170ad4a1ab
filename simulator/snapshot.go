package simulator

import (
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// snapshot is the SharedLister that plugins read: today's nodes and the
// virtual ones, in the order in which they were added.
type snapshot struct {
	podGroups
	nodes  []fwk.NodeInfo
	byName map[string]*framework.NodeInfo
	// The lists that InterPodAffinity walks instead of all nodes.
	withAffinity            nodeSet
	withAntiAffinity        nodeSet
	withNonHostAntiAffinity nodeSet
	pvcUse                  map[string]int
	// images says of how many nodes each image is known, for ImageLocality.
	images map[string]*fwk.ImageStateSummary
}

var _ fwk.SharedLister = &snapshot{}

func newSnapshot() *snapshot {
	return &snapshot{
		byName: map[string]*framework.NodeInfo{}, pvcUse: map[string]int{}, images: map[string]*fwk.ImageStateSummary{},
		podGroups: podGroups{},
	}
}

// nodeSet is a list of nodes with constant-time insert and remove.
type nodeSet struct {
	list []fwk.NodeInfo
	at   map[*framework.NodeInfo]int
}

func (s *nodeSet) set(node *framework.NodeInfo, member bool) {
	i, present := s.at[node]
	switch {
	case member && !present:
		if s.at == nil {
			s.at = map[*framework.NodeInfo]int{}
		}
		s.at[node] = len(s.list)
		s.list = append(s.list, node)
	case !member && present:
		last := len(s.list) - 1
		moved := s.list[last].(*framework.NodeInfo)
		s.list[i] = moved
		s.at[moved] = i
		s.list[last] = nil
		s.list = s.list[:last]
		delete(s.at, node)
	}
}

// reindex brings the lists up to date after node's pods changed.
func (s *snapshot) reindex(node *framework.NodeInfo) {
	s.withAffinity.set(node, len(node.PodsWithAffinity) > 0)
	s.withAntiAffinity.set(node, len(node.PodsWithRequiredAntiAffinity) > 0)
	s.withNonHostAntiAffinity.set(node, hasNonHostAntiAffinity(node))
}

// hasNonHostAntiAffinity says whether a pod on the node has an anti-affinity
// over more than its own node. NodeInfo keeps such pods itself only while the
// gate InterPodAffinityHostnameFastPath is on for the whole process.
func hasNonHostAntiAffinity(node *framework.NodeInfo) bool {
	for _, pod := range node.PodsWithRequiredAntiAffinity {
		for _, term := range pod.GetRequiredAntiAffinityTerms() {
			if term.TopologyKey != v1.LabelHostname {
				return true
			}
		}
	}
	return false
}

func (s *snapshot) addNode(node *framework.NodeInfo) {
	s.insertNode(node, len(s.nodes))
}

// removeNode takes a node out and returns its position, so that putting it
// back restores the order.
func (s *snapshot) removeNode(node *framework.NodeInfo) int {
	position := len(s.nodes) - 1
	for s.nodes[position] != fwk.NodeInfo(node) {
		position--
	}
	s.nodes = slices.Delete(s.nodes, position, position+1)
	delete(s.byName, node.Node().Name)
	s.withAffinity.set(node, false)
	s.withAntiAffinity.set(node, false)
	s.withNonHostAntiAffinity.set(node, false)
	s.forgetImages(node)
	return position
}

func (s *snapshot) insertNode(node *framework.NodeInfo, position int) {
	s.nodes = slices.Insert(s.nodes, position, fwk.NodeInfo(node))
	s.byName[node.Node().Name] = node
	s.reindex(node)
	s.learnImages(node)
}

func (s *snapshot) learnImages(node *framework.NodeInfo) {
	if len(node.Node().Status.Images) == 0 {
		return
	}
	node.ImageStates = map[string]*fwk.ImageStateSummary{}
	for _, image := range node.Node().Status.Images {
		for _, name := range image.Names {
			if node.ImageStates[name] != nil {
				continue
			}
			state := s.images[name]
			if state == nil {
				state = &fwk.ImageStateSummary{Size: image.SizeBytes}
				s.images[name] = state
			}
			state.NumNodes++
			node.ImageStates[name] = state
		}
	}
}

func (s *snapshot) forgetImages(node *framework.NodeInfo) {
	for name, state := range node.ImageStates {
		if state.NumNodes--; state.NumNodes == 0 {
			delete(s.images, name)
		}
	}
}

func (s *snapshot) addPod(node *framework.NodeInfo, pod *framework.PodInfo) {
	node.AddPodInfo(pod)
	s.countPVCs(pod.Pod, 1)
	if hasAffinity(pod) {
		s.reindex(node)
	}
}

func (s *snapshot) removePod(node *framework.NodeInfo, pod *framework.PodInfo) error {
	if err := node.RemovePod(klog.Background(), pod.Pod); err != nil {
		return err
	}
	s.countPVCs(pod.Pod, -1)
	if hasAffinity(pod) {
		s.reindex(node)
	}
	return nil
}

func (s *snapshot) countPVCs(pod *v1.Pod, sign int) {
	if len(pod.Spec.Volumes) == 0 {
		return
	}
	for key := range framework.PodPVCKeys(pod) {
		if s.pvcUse[key] += sign; s.pvcUse[key] == 0 {
			delete(s.pvcUse, key)
		}
	}
}

func hasAffinity(pod *framework.PodInfo) bool {
	return pod.Pod.Spec.Affinity != nil
}

func (s *snapshot) NodeInfos() fwk.NodeInfoLister       { return nodeLister{s} }
func (s *snapshot) StorageInfos() fwk.StorageInfoLister { return s }

// IsPVCUsedByPods implements StorageInfoLister; key is "namespace/name".
func (s *snapshot) IsPVCUsedByPods(key string) bool { return s.pvcUse[key] > 0 }

type nodeLister struct{ *snapshot }

func (l nodeLister) List() ([]fwk.NodeInfo, error) { return l.nodes, nil }
func (l nodeLister) HavePodsWithAffinityList() ([]fwk.NodeInfo, error) {
	return l.withAffinity.list, nil
}
func (l nodeLister) HavePodsWithRequiredAntiAffinityList() ([]fwk.NodeInfo, error) {
	return l.withAntiAffinity.list, nil
}
func (l nodeLister) HavePodsWithRequiredNonHostScopedAntiAffinityList() ([]fwk.NodeInfo, error) {
	return l.withNonHostAntiAffinity.list, nil
}
func (l nodeLister) Get(name string) (fwk.NodeInfo, error) {
	if node, ok := l.byName[name]; ok {
		return node, nil
	}
	return nil, fmt.Errorf("node %q is not in the simulated cluster", name)
}
