package explain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// PodMatrix is a pod held against every node of today and against one machine
// of every template.
type PodMatrix struct {
	// Pod is namespace/name.
	Pod string `json:"pod"`
	// Fits says that some node or template takes the pod.
	Fits bool `json:"fits"`
	// Nodes of today and Templates, each sorted by name.
	Nodes     []Verdict `json:"nodes"`
	Templates []Verdict `json:"templates"`

	// Node is where the pod runs today; the matrix is then as if it did not.
	Node string `json:"-"`
	// Summary is what kube-scheduler says of today's nodes, "" when one fits.
	Summary string `json:"-"`
}

// FittingNodes and FittingTemplates count where the pod fits.
func (m *PodMatrix) FittingNodes() int     { return fitting(m.Nodes) }
func (m *PodMatrix) FittingTemplates() int { return fitting(m.Templates) }

// Pod holds one pod against nodes and templates. The name is namespace/name, or
// a name that only one namespace has, or that of the workload that the pod is of.
// A machine of a template is looked at alone, beside today's nodes.
func Pod(ctx context.Context, request *binpack.Request, name string) (*PodMatrix, error) {
	cluster, err := simulator.New(ctx, request.Objects, request.Scheduler)
	if err != nil {
		return nil, err
	}
	pod, err := findPod(cluster.Objects().Pods, name)
	if err != nil {
		return nil, err
	}
	m := &PodMatrix{Pod: podName(pod), Node: pod.Spec.NodeName, Nodes: []Verdict{}, Templates: []Verdict{}}
	if cluster.NodeOf(pod) != "" {
		if err := cluster.Evict(pod); err != nil {
			return nil, err
		}
		pod = unbound(pod)
	}
	p := newProber(cluster, pod)
	nodeNames := slices.Sorted(slices.Values(cluster.NodeNames()))
	if m.Nodes, err = p.verdicts(nodeNames); err != nil {
		return nil, err
	}
	switch {
	case p.gate != nil:
		m.Summary = p.gate.Message
	default:
		if m.Summary, err = cluster.Summary(pod); err != nil {
			return nil, err
		}
	}
	templates, err := binpack.Templates(request.Catalog, request.NodeGroups, cluster.Objects().DaemonSets)
	if err != nil {
		return nil, err
	}
	for _, template := range templates {
		v, err := p.template(template)
		if err != nil {
			return nil, err
		}
		m.Templates = append(m.Templates, v)
	}
	m.Fits = m.FittingNodes()+m.FittingTemplates() > 0
	return m, nil
}

// template holds the pod against one machine of a template, put beside today's
// nodes on a fork.
func (p *prober) template(template *binpack.Template) (Verdict, error) {
	p.cluster.Fork()
	defer p.cluster.Revert()
	name := machineName(template)
	if err := p.cluster.AddNode(template.Node(name)); err != nil {
		return Verdict{}, err
	}
	verdicts, err := p.verdicts([]string{name})
	if err != nil {
		return Verdict{}, err
	}
	verdicts[0].Name = template.Name
	return verdicts[0], nil
}

// machineName is a name for a machine of a template that no node has: a label
// value like any hostname, as long as names of templates are short.
func machineName(template *binpack.Template) string {
	const longest = 63
	name := strings.ToLower(strings.ReplaceAll("vpsie/"+template.Name, "/", "."))
	return strings.TrimRight(name[:min(longest, len(name))], ".-_")
}

// unbound is the pod as it was before it was scheduled.
func unbound(pod *v1.Pod) *v1.Pod {
	pending := pod.DeepCopy()
	pending.Spec.NodeName = ""
	return pending
}

func podName(pod *v1.Pod) string { return pod.Namespace + "/" + pod.Name }

// findPod finds a pod by namespace/name, by a name alone, or by the name of its
// workload, in which case a pending pod is preferred to a running one.
func findPod(pods []*v1.Pod, name string) (*v1.Pod, error) {
	namespace, base, qualified := strings.Cut(name, "/")
	if !qualified {
		namespace, base = "", name
	}
	var exact, workload, elsewhere []*v1.Pod
	for _, pod := range pods {
		switch {
		case namespace != "" && pod.Namespace != namespace:
			if pod.Name == base {
				elsewhere = append(elsewhere, pod)
			}
		case pod.Name == base:
			exact = append(exact, pod)
		case ofWorkload(pod, base):
			workload = append(workload, pod)
		}
	}
	if len(exact) > 1 {
		return nil, fmt.Errorf("pod %s is in several namespaces: %s", name, strings.Join(podNames(exact), ", "))
	}
	if len(exact) == 1 {
		return exact[0], nil
	}
	if len(workload) == 0 && len(elsewhere) > 0 {
		return nil, fmt.Errorf("there is no pod %q; did you mean %s?", name, podName(elsewhere[0]))
	}
	if len(workload) == 0 {
		return nil, fmt.Errorf("there is no pod %q%s", name, didYouMean(name, podNames(pods)))
	}
	namespaces := map[string]bool{}
	for _, pod := range workload {
		namespaces[pod.Namespace] = true
	}
	if len(namespaces) > 1 {
		return nil, fmt.Errorf("pods of %s are in several namespaces: say which, as namespace/%s", name, name)
	}
	for _, pod := range workload {
		if pod.Spec.NodeName == "" {
			return pod, nil
		}
	}
	return workload[0], nil
}

// ofWorkload says whether a pod's controller is named so, or is a ReplicaSet of
// a Deployment that is.
func ofWorkload(pod *v1.Pod, workload string) bool {
	for i := range pod.OwnerReferences {
		owner := &pod.OwnerReferences[i]
		if owner.Name == workload {
			return true
		}
		if owner.Kind == "ReplicaSet" && strings.HasPrefix(owner.Name, workload+"-") && !strings.Contains(owner.Name[len(workload)+1:], "-") {
			return true
		}
	}
	return false
}

func podNames(pods []*v1.Pod) []string {
	names := make([]string, len(pods))
	for i, pod := range pods {
		names[i] = podName(pod)
	}
	slices.Sort(names)
	return names
}
