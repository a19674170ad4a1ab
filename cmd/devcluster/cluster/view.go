package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// View is what a cluster looks like at one moment.
type View struct {
	Pods  PodCounts `json:"pods"`
	Nodes []Node    `json:"nodes"`
	// PricePerHour of all machines at VPSie, in $/h.
	PricePerHour float64 `json:"pricePerHour"`
}

// PodCounts are numbers of pods. Pods that have ended are in none but All.
type PodCounts struct {
	All int `json:"all"`
	// Pending have no node yet, Bound have one and do not run yet.
	Pending int `json:"pending"`
	Bound   int `json:"bound"`
	Running int `json:"running"`
}

// Node is a machine at VPSie, a Node of the cluster, or both.
type Node struct {
	Name       string `json:"name"`
	NodeGroup  string `json:"nodeGroup,omitempty"`
	Offering   string `json:"offering,omitempty"`
	Datacenter string `json:"datacenter,omitempty"`
	// State of the machine until it joins, then whether the Node is Ready.
	State string `json:"state"`
	// Pods that are bound to it and have not ended.
	Pods int `json:"pods"`
	// PricePerHour in $/h; 0 of a Node that is no machine at VPSie.
	PricePerHour float64 `json:"pricePerHour,omitempty"`
}

// States of a Node besides those of a machine.
const (
	NodeReady    = "Ready"
	NodeNotReady = "NotReady"
)

// Look takes a view of a cluster through its API server and the admin endpoint of
// its fake VPSie.
func Look(ctx context.Context, client kubernetes.Interface, vpsie string) (*View, error) {
	machines, err := machinesAt(ctx, vpsie)
	if err != nil {
		return nil, err
	}
	// From the API server's cache: a picture need not be newer than that.
	cached := metav1.ListOptions{ResourceVersion: "0"}
	nodes, err := client.CoreV1().Nodes().List(ctx, cached)
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	pods, err := client.CoreV1().Pods("").List(ctx, cached)
	if err != nil {
		return nil, fmt.Errorf("listing pods: %w", err)
	}
	view := &View{PricePerHour: machines.PricePerHour}
	perNode := map[string]int{}
	for i := range pods.Items {
		view.Pods.add(&pods.Items[i], perNode)
	}
	rows := map[string]*Node{}
	for _, m := range slices.Concat(machines.Pending, machines.VMs) {
		if m.State == fake.VMDeleted {
			continue
		}
		// VPSie may show a host name in another case than the Node's.
		rows[strings.ToLower(m.Hostname)] = &Node{
			Name: m.Ordered, Offering: m.Offering, Datacenter: m.Datacenter, State: string(m.State), PricePerHour: m.PricePerHour,
		}
	}
	for i := range nodes.Items {
		row := rows[strings.ToLower(nodes.Items[i].Name)]
		if row == nil {
			row = &Node{}
			rows[strings.ToLower(nodes.Items[i].Name)] = row
		}
		row.joined(&nodes.Items[i], perNode)
	}
	for _, row := range rows {
		view.Nodes = append(view.Nodes, *row)
	}
	slices.SortFunc(view.Nodes, func(a, b Node) int {
		return cmp.Or(cmp.Compare(a.NodeGroup, b.NodeGroup), cmp.Compare(a.Name, b.Name))
	})
	return view, nil
}

func (c *PodCounts) add(pod *corev1.Pod, perNode map[string]int) {
	c.All++
	switch {
	case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		return
	case pod.Spec.NodeName == "":
		c.Pending++
		return
	case pod.Status.Phase == corev1.PodRunning:
		c.Running++
	default:
		c.Bound++
	}
	perNode[pod.Spec.NodeName]++
}

// joined fills in what the Node says.
func (n *Node) joined(node *corev1.Node, perNode map[string]int) {
	n.Name = node.Name
	n.NodeGroup = node.Labels[v1alpha1.NodeGroupLabel]
	n.Pods = perNode[node.Name]
	n.Offering = cmp.Or(n.Offering, node.Labels[corev1.LabelInstanceTypeStable])
	n.Datacenter = cmp.Or(n.Datacenter, node.Labels[corev1.LabelTopologyZone])
	n.State = NodeNotReady
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			n.State = NodeReady
		}
	}
}

// machinesAt asks the fake VPSie what it has sold.
func machinesAt(ctx context.Context, vpsie string) (*fake.State, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, vpsie+"/_fake/state", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the fake VPSie: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking the fake VPSie: %s", response.Status)
	}
	state := &fake.State{}
	if err := json.NewDecoder(response.Body).Decode(state); err != nil {
		return nil, fmt.Errorf("asking the fake VPSie: %w", err)
	}
	return state, nil
}
