package garbage

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/bootstrap"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/inventory"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// scene is everything there is at one moment.
type scene struct {
	machines *inventory.Reading
	scripts  []vpsie.Script
	nodes    []corev1.Node
	// owners are the VPSieNodes by name and, in lower case, by hostname.
	owners    map[string]*v1alpha1.VPSieNode
	hostnames map[string]*v1alpha1.VPSieNode
	vpsIDs    map[string]*v1alpha1.VPSieNode
	groups    map[string]*v1alpha1.NodeGroup
	catalog   *offerings.Catalog
}

// look reads VPSie before the API server: a machine's object is older than the
// machine, so one that VPSie has already is not missed.
func (c *Collector) look(ctx context.Context, now time.Time) (*scene, error) {
	s := &scene{
		owners: map[string]*v1alpha1.VPSieNode{}, hostnames: map[string]*v1alpha1.VPSieNode{},
		vpsIDs: map[string]*v1alpha1.VPSieNode{}, groups: map[string]*v1alpha1.NodeGroup{},
	}
	var err error
	if s.machines, err = c.options.Inventory.Since(ctx, now); err != nil {
		return nil, err
	}
	if s.scripts, err = c.options.VPSie.Scripts(ctx); err != nil {
		return nil, fmt.Errorf("listing VPSie's scripts: %w", err)
	}
	if s.catalog, err = c.options.Catalog(ctx); err != nil {
		return nil, fmt.Errorf("reading the catalogue: %w", err)
	}
	var vpsieNodes v1alpha1.VPSieNodeList
	if err := c.options.Reader.List(ctx, &vpsieNodes); err != nil {
		return nil, fmt.Errorf("listing VPSieNodes: %w", err)
	}
	for i := range vpsieNodes.Items {
		m := &vpsieNodes.Items[i]
		s.owners[m.Name] = m
		s.hostnames[strings.ToLower(m.Spec.Hostname)] = m
		if m.Status.VPSID != "" {
			s.vpsIDs[m.Status.VPSID] = m
		}
	}
	var groups v1alpha1.NodeGroupList
	if err := c.options.Reader.List(ctx, &groups); err != nil {
		return nil, fmt.Errorf("listing NodeGroups: %w", err)
	}
	for i := range groups.Items {
		s.groups[groups.Items[i].Name] = &groups.Items[i]
	}
	var nodes corev1.NodeList
	if err := c.options.Reader.List(ctx, &nodes); err != nil {
		return nil, fmt.Errorf("listing Nodes: %w", err)
	}
	s.nodes = nodes.Items
	return s, nil
}

// orphan is a suspect with what is known of it. One of vm, node and script is set;
// a machine's node is the Node that it became, if it did.
type orphan struct {
	suspect
	// owner is the VPSieNode that it names.
	owner    string
	ownerUID types.UID
	vm       *vpsie.VM
	node     *corev1.Node
	script   *vpsie.Script
}

// orphans are, in the order of the lists, what names an owner that is not there.
func (s *scene) orphans(clusterID string) []orphan {
	var found []orphan
	for i := range s.machines.VMs {
		if o, ok := s.machine(&s.machines.VMs[i], clusterID); ok {
			found = append(found, o)
		}
	}
	for i := range s.nodes {
		node := &s.nodes[i]
		owner := node.Labels[v1alpha1.VPSieNodeLabel]
		if owner == "" || s.owners[owner] != nil || s.hasMachine(node) {
			continue
		}
		found = append(found, orphan{suspect: suspect{orphanNode, string(node.UID)}, owner: owner, node: node})
	}
	for i := range s.scripts {
		script := &s.scripts[i]
		hostname, ours := bootstrap.ScriptOwner(script.Name, clusterID)
		if !ours || s.hostnames[hostname] != nil {
			continue
		}
		found = append(found, orphan{suspect: suspect{orphanScript, script.ID}, owner: hostname, script: script})
	}
	return found
}

// machine says whether a machine is ours and has no owner. The mark alone is no
// proof: notes are copied with a machine, hostnames less so.
func (s *scene) machine(vm *vpsie.VM, clusterID string) (orphan, bool) {
	mark, marked := inventory.ReadMark(vm.Notes)
	switch {
	case !marked, mark.ClusterID != clusterID, vm.Hostname != strings.ToLower(mark.Node), vm.State.Gone():
		return orphan{}, false
	case s.machines.InAll(vm.ID) == nil:
		// One list has it and the other does not.
		return orphan{}, false
	case s.vpsIDs[vm.ID] != nil:
		return orphan{}, false
	}
	if owner := s.owners[mark.Node]; owner != nil && owner.UID == mark.UID {
		return orphan{}, false
	}
	o := orphan{suspect: suspect{orphanMachine, vm.ID}, owner: mark.Node, ownerUID: mark.UID, vm: vm}
	for i := range s.nodes {
		if node := &s.nodes[i]; node.Name == vm.Hostname && node.Labels[v1alpha1.VPSieNodeLabel] == mark.Node && strings.HasSuffix(node.Spec.ProviderID, vm.ID) {
			o.node = node
		}
	}
	return o, true
}

// hasMachine says that one of VPSie's lists may have the Node's machine.
func (s *scene) hasMachine(node *corev1.Node) bool {
	if len(s.machines.AllNamed(node.Name)) > 0 || len(s.machines.PendingNamed(node.Name)) > 0 {
		return true
	}
	for _, vm := range s.machines.VMsNamed(node.Name) {
		if !vm.State.Gone() {
			return true
		}
	}
	_, id, _ := strings.Cut(node.Spec.ProviderID, "://")
	return id != "" && s.machines.InAll(id) != nil
}

// price is what an orphan costs, in $/h. VPSie does not say what offering a
// machine is: of those of its size, the dearest counts.
func (s *scene) price(o orphan) float64 {
	price := 0.0
	if o.vm == nil {
		return price
	}
	for i := range s.catalog.Offerings {
		sold := &s.catalog.Offerings[i]
		if sold.Capacity.MilliCPU == o.vm.CPU*1000 && sold.Capacity.MemoryBytes == o.vm.MemoryBytes {
			price = max(price, sold.PricePerHour)
		}
	}
	return price
}
