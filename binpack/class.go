package binpack

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
	"k8s.io/component-helpers/scheduling/corev1"
	schedutil "k8s.io/kubernetes/pkg/scheduler/util"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// class is a set of pending pods that get the same verdict on every node,
// whatever else happens.
type class struct {
	// pods in queue order; the first stands for all.
	pods []*v1.Pod
	// group is the index of the class's verdicts in planner.groups.
	group int
	// size per dimension of planner.dims.
	size []int64
	// priority in kube-scheduler's sense.
	priority int32
	// noTemplates keeps the class to today's nodes: it is expendable, or
	// nothing may be bought.
	noTemplates bool
	// irregular classes are placed through the simulator, one pod after the
	// other: their devices or volumes cannot be counted beforehand.
	irregular bool
}

func (c *class) pod() *v1.Pod { return c.pods[0] }

// group is a set of classes that differ in nothing but requests and coupling,
// so that one framework call per node answers for all of them.
type group struct {
	// pod is one of the group's pods without its requests.
	pod *v1.Pod
	// templates and nodes say where the pod may run, requests and other pods aside.
	templates, nodes []bool
}

// classify sorts the pods into classes, in the order of their first pods.
func (p *planner) classify(pods []*v1.Pod) error {
	visible, err := visibleLabels(p.cluster)
	if err != nil {
		return err
	}
	volumes := newVolumeIndex(p.cluster, pods)
	byKey := map[string]*class{}
	groups := map[string]int{}
	var w keyWriter
	for _, pod := range pods {
		attached := volumes.of(pod)
		w.buffer = w.buffer[:0]
		w.static(pod, attached.key)
		static := len(w.buffer)
		w.requests(pod)
		w.coupling(pod, gangName(pod), visible)
		if c, ok := byKey[string(w.buffer)]; ok {
			c.pods = append(c.pods, pod)
			p.classOf[pod] = c
			continue
		}
		c := &class{pods: []*v1.Pod{pod}, priority: corev1.PodPriority(pod), irregular: attached.irregular || p.wantsDevices(pod)}
		c.noTemplates = p.request.NoScaleUp || c.priority < p.request.expendableBelow()
		g, ok := groups[string(w.buffer[:static])]
		if !ok {
			g = len(p.groups)
			groups[string(w.buffer[:static])] = g
			p.groups = append(p.groups, &group{pod: withoutRequests(pod)})
		}
		c.group = g
		byKey[string(w.buffer)] = c
		p.classOf[pod] = c
		p.classes = append(p.classes, c)
		requests, err := podRequests(pod)
		if err != nil {
			return podError(pod, err)
		}
		p.requested = append(p.requested, requests)
		p.attachments = append(p.attachments, attached.drivers)
	}
	return nil
}

// gangName is the pod group of a pod, "" for none: members of different groups
// are never interchangeable.
func gangName(pod *v1.Pod) string {
	if g := pod.Spec.SchedulingGroup; g != nil && g.PodGroupName != nil {
		return *g.PodGroupName
	}
	return ""
}

// hugeRequest stands for all greater ones: no machine has as much, and sums of
// thousands of them stay what they are.
const hugeRequest = unlimited >> 14

// podRequests is what NodeResourcesFit subtracts for the pod: milli-CPU, bytes,
// counts.
func podRequests(pod *v1.Pod) (map[v1.ResourceName]int64, error) {
	requests := map[v1.ResourceName]int64{v1.ResourcePods: 1}
	for name, quantity := range resource.PodRequests(pod, resource.PodResourcesOptions{}) {
		var amount int64
		switch {
		case name == v1.ResourceCPU:
			amount = quantity.MilliValue()
		case name == v1.ResourceMemory, name == v1.ResourceEphemeralStorage, schedutil.IsScalarResourceName(name):
			amount = quantity.Value()
		default:
			continue // kube-scheduler does not look at it
		}
		if amount < 0 {
			return nil, fmt.Errorf("requests %s of %s", quantity.String(), name)
		}
		requests[name] = min(amount, hugeRequest)
	}
	return requests, nil
}

// withoutRequests is the pod as every plugin but NodeResourcesFit sees it.
func withoutRequests(pod *v1.Pod) *v1.Pod {
	bare := pod.DeepCopy()
	strip := func(containers []v1.Container) {
		for i := range containers {
			containers[i].Resources = v1.ResourceRequirements{}
		}
	}
	strip(bare.Spec.Containers)
	strip(bare.Spec.InitContainers)
	bare.Spec.Resources = nil
	bare.Spec.Overhead = nil
	return bare
}

// wantsDevices says that dynamic resource allocation decides where the pod fits.
func (p *planner) wantsDevices(pod *v1.Pod) bool {
	if len(pod.Spec.ResourceClaims) > 0 {
		return true
	}
	if len(p.deviceResources) == 0 {
		return false
	}
	for i := range pod.Spec.Containers {
		for name := range pod.Spec.Containers[i].Resources.Requests {
			if p.deviceResources[string(name)] {
				return true
			}
		}
	}
	return false
}

// deviceResources are the extended resources that a DeviceClass serves.
func deviceResources(objects *simulator.Objects) map[string]bool {
	served := map[string]bool{}
	for _, class := range objects.DeviceClasses {
		if class.Spec.ExtendedResourceName != nil {
			served[*class.Spec.ExtendedResourceName] = true
		}
	}
	return served
}

func podName(pod *v1.Pod) string { return pod.Namespace + "/" + pod.Name }

func podError(pod *v1.Pod, err error) error { return fmt.Errorf("pod %s: %w", podName(pod), err) }
