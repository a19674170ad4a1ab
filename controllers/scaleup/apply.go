package scaleup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// errStale says that the cluster is not what the plan was made from: it is
// dropped and another one made.
var errStale = errors.New("the plan is stale")

// parallelWrites at a time.
const parallelWrites = 16

// apply writes the machines to buy down as VPSieNodes, all of them before it
// returns, and tells the VPSieNodes that are there which pods are now planned for
// them. Done twice it does nothing more: names follow from the plan.
func (c *Controller) apply(ctx context.Context, d *decision) error {
	planned := d.planned()
	if len(d.buy) > 0 {
		machines := make([]*v1alpha1.VPSieNode, len(d.buy))
		for i := range d.buy {
			machines[i] = d.machine(&d.buy[i], planned[d.buy[i].Name])
		}
		if err := c.guard(ctx, d, machines); err != nil {
			return err
		}
		if err := parallel(ctx, parallelWrites, machines, c.create); err != nil {
			return err
		}
	}
	return parallel(ctx, parallelWrites, d.moved(planned), c.replan)
}

// parallel does something to each of list, so many at a time.
func parallel[T any](ctx context.Context, limit int, list []T, do func(context.Context, T) error) error {
	tasks := errgroup.Group{}
	tasks.SetLimit(limit)
	for _, item := range list {
		// Those that can be done are done, whatever became of others.
		tasks.Go(func() error { return do(ctx, item) })
	}
	return tasks.Wait()
}

// machine is the VPSieNode of a planned machine.
func (d *decision) machine(m *plan.Machine, pods []string) *v1alpha1.VPSieNode {
	machine := &v1alpha1.VPSieNode{
		ObjectMeta: metav1.ObjectMeta{
			Name:       m.Name,
			Labels:     map[string]string{v1alpha1.NodeGroupLabel: m.NodeGroup, v1alpha1.PlanLabel: d.plan.Metadata.ID},
			Finalizers: []string{v1alpha1.Finalizer},
		},
		Spec: v1alpha1.VPSieNodeSpec{
			NodeGroup:    m.NodeGroup,
			Offering:     m.Offering,
			Datacenter:   m.Datacenter,
			Hostname:     m.Name,
			PlanID:       d.plan.Metadata.ID,
			Reason:       d.why(m, pods),
			PricePerHour: strconv.FormatFloat(m.PricePerHour, 'f', -1, 64),
			Pods:         pods,
		},
	}
	if offering := d.catalog.Offering(m.Offering); offering != nil {
		machine.Spec.OfferingID = offering.Identifier
		machine.Spec.Allocatable = binpack.ResourceList(&offering.Allocatable)
	}
	return machine
}

// why says in a few words what a machine is bought for.
func (d *decision) why(m *plan.Machine, pods []string) string {
	spare := len(m.Pods) - len(pods)
	switch {
	case len(pods) == 1:
		return "for a pod that found no node"
	case len(pods) > 1:
		return fmt.Sprintf("for %d pods that found no node", len(pods))
	case spare > 0:
		return "for the NodeGroup's headroom"
	}
	return "for the NodeGroup's minNodes"
}

// guard looks at the API server itself, right before anything is bought: every
// VPSieNode of the groups that buy must be known to the plan, and with the new
// ones none may have more than its maximum. It fails with errStale.
func (c *Controller) guard(ctx context.Context, d *decision, machines []*v1alpha1.VPSieNode) error {
	buys := map[string]int{}
	mine := sets.Set[string]{}
	for _, m := range machines {
		buys[m.Spec.NodeGroup]++
		mine.Insert(m.Name)
	}
	known := map[types.UID]*v1alpha1.VPSieNode{}
	for _, m := range d.snapshot.Machines {
		known[m.UID] = m
	}
	for _, name := range sets.List(sets.KeySet(buys)) {
		group := &v1alpha1.NodeGroup{}
		if err := c.options.Live.Get(ctx, client.ObjectKey{Name: name}, group); apierrors.IsNotFound(err) {
			return fmt.Errorf("%w: NodeGroup %s is gone", errStale, name)
		} else if err != nil {
			return fmt.Errorf("NodeGroup %s: %w", name, err)
		}
		if group.Spec.Paused || group.DeletionTimestamp != nil {
			return fmt.Errorf("%w: NodeGroup %s buys nothing any more", errStale, name)
		}
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("VPSieNodeList"))
		if err := c.options.Live.List(ctx, list, client.MatchingLabels{v1alpha1.NodeGroupLabel: name}); err != nil {
			return fmt.Errorf("VPSieNodes of NodeGroup %s: %w", name, err)
		}
		count := buys[name]
		for i := range list.Items {
			there := &list.Items[i]
			m := known[there.UID]
			switch {
			case mine.Has(there.Name):
				// A repetition, or somebody else's: create will see.
			case m == nil:
				return fmt.Errorf("%w: VPSieNode %s is new", errStale, there.Name)
			case there.DeletionTimestamp != nil && m.DeletionTimestamp == nil:
				return fmt.Errorf("%w: VPSieNode %s is being deleted", errStale, there.Name)
			case m.Status.Phase == v1alpha1.PhaseFailed, there.DeletionTimestamp != nil && m.Status.RequestedAt == nil:
				// There is no machine, or it is being looked for to give it back.
			default:
				count++
			}
		}
		if count > int(group.Spec.MaxNodes) {
			return fmt.Errorf("%w: NodeGroup %s would have %d machines, its maxNodes is %d", errStale, name, count, group.Spec.MaxNodes)
		}
	}
	return nil
}

// create writes one VPSieNode down. If it is there already as it should be, an
// earlier attempt at the same plan did it.
func (c *Controller) create(ctx context.Context, machine *v1alpha1.VPSieNode) error {
	err := c.options.Client.Create(ctx, machine)
	if apierrors.IsAlreadyExists(err) {
		there := &v1alpha1.VPSieNode{}
		if err := c.options.Live.Get(ctx, client.ObjectKeyFromObject(machine), there); err != nil {
			return fmt.Errorf("VPSieNode %s: %w", machine.Name, err)
		}
		if !sameMachine(machine, there) {
			return fmt.Errorf("%w: there is another VPSieNode %s", errStale, machine.Name)
		}
		machine, err = there, nil
	}
	if err != nil {
		return fmt.Errorf("VPSieNode %s: %w", machine.Name, err)
	}
	c.expected.expect(machine)
	return nil
}

// sameMachine says that what is there is what is wanted. Its pods may have moved
// since.
func sameMachine(want, there *v1alpha1.VPSieNode) bool {
	a, b := want.Spec, there.Spec
	a.Pods, b.Pods = nil, nil
	return there.DeletionTimestamp == nil && there.Status.Phase != v1alpha1.PhaseFailed && equality.Semantic.DeepEqual(a, b)
}

// repods are a VPSieNode's pods by the latest plan.
type repods struct {
	machine *v1alpha1.VPSieNode
	pods    []string
}

// moved lists the VPSieNodes for which other pods are planned now. One that is on
// its way gets what the plan puts there; one that is ready keeps those pods that
// the plan puts nowhere else.
func (d *decision) moved(planned map[string][]string) []repods {
	at := map[string]string{}
	for node, pods := range planned {
		for _, pod := range pods {
			at[pod] = node
		}
	}
	var list []repods
	for _, m := range d.snapshot.Machines {
		var pods []string
		switch {
		case d.snapshot.Upcoming[m.Spec.Hostname] == m:
			pods = planned[m.Spec.Hostname]
		case m.Status.Phase == v1alpha1.PhaseReady && m.DeletionTimestamp == nil:
			for _, pod := range m.Spec.Pods {
				if node := at[pod]; node == "" || node == m.Spec.Hostname {
					pods = append(pods, pod)
				}
			}
		default:
			continue
		}
		if !slices.Equal(slices.Sorted(slices.Values(pods)), slices.Sorted(slices.Values(m.Spec.Pods))) {
			list = append(list, repods{m, pods})
		}
	}
	return list
}

// replan writes a VPSieNode's pods.
func (c *Controller) replan(ctx context.Context, r repods) error {
	pods := r.pods
	if pods == nil {
		pods = []string{}
	}
	// The UID makes sure that it is the same machine still.
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": r.machine.UID},
		"spec":     map[string]any{"pods": pods},
	})
	if err != nil {
		return err
	}
	machine := &v1alpha1.VPSieNode{ObjectMeta: metav1.ObjectMeta{Name: r.machine.Name}}
	err = c.options.Client.Patch(ctx, machine, client.RawPatch(types.MergePatchType, patch))
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return fmt.Errorf("%w: VPSieNode %s is gone", errStale, r.machine.Name)
	}
	if err != nil {
		return fmt.Errorf("VPSieNode %s: %w", r.machine.Name, err)
	}
	c.expected.expect(machine)
	return nil
}
