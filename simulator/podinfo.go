package simulator

import (
	"encoding/binary"
	"math"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// podInfos makes what the framework computes once per pod. Adding up a pod's
// requests costs more than all else that placing it does, and pods come in
// series: those of equal requests share one sum.
type podInfos struct {
	// kept holds pods that are placed and taken back many times.
	kept map[*v1.Pod]*framework.PodInfo
	// summed holds one pod of each size, its requests added up.
	summed map[string]*framework.PodInfo
	key    []byte
	names  []string
}

func newPodInfos() *podInfos {
	return &podInfos{kept: map[*v1.Pod]*framework.PodInfo{}, summed: map[string]*framework.PodInfo{}}
}

// keep returns the pod's PodInfo, the same each time.
func (p *podInfos) keep(pod *v1.Pod) *framework.PodInfo {
	info, ok := p.kept[pod]
	if !ok {
		info = p.make(pod)
		p.kept[pod] = info
	}
	return info
}

// make leaves out affinity terms that do not parse, as kube-scheduler's own
// cache does: the API server lets some through.
func (p *podInfos) make(pod *v1.Pod) *framework.PodInfo {
	p.sizeKey(pod)
	summed, ok := p.summed[string(p.key)]
	if !ok {
		summed = &framework.PodInfo{Pod: pod}
		summed.CalculateResource()
		p.summed[string(p.key)] = summed
	}
	// The copy takes the sum along.
	info := *summed
	info.Pod = pod
	if pod.Spec.Affinity != nil {
		terms, _ := framework.NewPodInfo(pod)
		info.RequiredAffinityTerms, info.RequiredAntiAffinityTerms = terms.RequiredAffinityTerms, terms.RequiredAntiAffinityTerms
		info.PreferredAffinityTerms, info.PreferredAntiAffinityTerms = terms.PreferredAffinityTerms, terms.PreferredAntiAffinityTerms
	}
	return &info
}

// sizeKey writes down everything that PodInfo.CalculateResource reads.
func (p *podInfos) sizeKey(pod *v1.Pod) {
	p.key = p.key[:0]
	status := &pod.Status
	resized := status.AllocatedResources != nil || status.Resources != nil
	for _, statuses := range [][]v1.ContainerStatus{status.ContainerStatuses, status.InitContainerStatuses} {
		p.count(len(statuses))
		for i := range statuses {
			container := &statuses[i]
			if container.AllocatedResources == nil && container.Resources == nil {
				p.flag(false)
				continue
			}
			resized = true
			p.flag(true)
			p.text(container.Name)
			p.list(container.AllocatedResources)
			p.requirements(container.Resources)
		}
	}
	p.flag(resourcehelper.IsPodResizeInfeasible(pod))
	p.list(status.AllocatedResources)
	p.requirements(status.Resources)
	p.count(len(status.NodeAllocatableResourceClaimStatuses))
	if len(status.NodeAllocatableResourceClaimStatuses) > 0 {
		// Devices that stand for CPU or memory are this pod's own.
		p.text(string(pod.UID))
	}
	for _, containers := range [][]v1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		p.count(len(containers))
		for i := range containers {
			if resized {
				p.text(containers[i].Name)
			}
			p.flag(containers[i].RestartPolicy != nil && *containers[i].RestartPolicy == v1.ContainerRestartPolicyAlways)
			p.list(containers[i].Resources.Requests)
		}
	}
	p.list(pod.Spec.Overhead)
	p.requirements(pod.Spec.Resources)
}

func (p *podInfos) requirements(requirements *v1.ResourceRequirements) {
	p.flag(requirements != nil)
	if requirements != nil {
		p.list(requirements.Requests)
	}
}

func (p *podInfos) list(list v1.ResourceList) {
	p.flag(list != nil)
	p.names = p.names[:0]
	for name := range list {
		p.names = append(p.names, string(name))
	}
	slices.Sort(p.names)
	p.count(len(p.names))
	for _, name := range p.names {
		p.text(name)
		p.quantity(list[v1.ResourceName(name)])
	}
}

// quantity tells any two amounts apart, in thousandths where that is exact.
func (p *podInfos) quantity(amount resource.Quantity) {
	milli := amount.MilliValue()
	if milli != math.MaxInt64 && resource.NewMilliQuantity(milli, amount.Format).Cmp(amount) == 0 {
		p.flag(true)
		p.key = binary.AppendVarint(p.key, milli)
		return
	}
	p.flag(false)
	p.text(amount.String())
}

func (p *podInfos) flag(set bool) {
	if set {
		p.key = append(p.key, 1)
		return
	}
	p.key = append(p.key, 0)
}

func (p *podInfos) count(n int) { p.key = binary.AppendUvarint(p.key, uint64(n)) }

func (p *podInfos) text(text string) {
	p.count(len(text))
	p.key = append(p.key, text...)
}
