package simulator

import (
	"errors"

	v1 "k8s.io/api/core/v1"
	schedulingv1alpha3 "k8s.io/api/scheduling/v1alpha3"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
)

// podGroups shows plugins the PodGroups, by "namespace/name", but not how far
// their scheduling is: groups act before and after the plugins that place a
// pod, in PreEnqueue and Permit, and the planner treats a group as a transaction
// instead.
type podGroups map[string]*schedulingv1beta1.PodGroup

var _ fwk.PodGroupManager = podGroups{}

func (g podGroups) PodGroups() fwk.PodGroupLister                   { return podGroupObjects{g} }
func (g podGroups) PodGroupStates() fwk.PodGroupStateLister         { return noPodGroupStates{} }
func (g podGroups) CompositePodGroups() fwk.CompositePodGroupLister { return noCompositeObjects{} }
func (g podGroups) CompositePodGroupStates() fwk.CompositePodGroupStateLister {
	return noCompositeStates{}
}

// BuildHierarchySnapshotFromPod implements PodGroupManager: nothing here changes
// while a plugin looks.
func (g podGroups) BuildHierarchySnapshotFromPod(*v1.Pod) (fwk.PodGroupManager, error) { return g, nil }

// GetRootKeyForGroup implements PodGroupManager: without composite groups each
// group is its own root.
func (g podGroups) GetRootKeyForGroup(key fwk.EntityKey) (fwk.EntityKey, bool, error) {
	return key, true, nil
}

func notFound(resource, name string) error {
	return apierrors.NewNotFound(schema.GroupResource{Group: schedulingv1beta1.GroupName, Resource: resource}, name)
}

type podGroupObjects struct{ groups podGroups }

func (l podGroupObjects) Get(namespace, name string) (*schedulingv1beta1.PodGroup, error) {
	if group := l.groups[namespace+"/"+name]; group != nil {
		return group, nil
	}
	return nil, notFound("podgroups", name)
}

// fixedSnapshot is the lister that preemption for whole groups would try its
// victims on. That extension point is never run here: the planner has forks.
type fixedSnapshot struct{ fwk.SharedLister }

var (
	_        fwk.MutableSnapshotSharedLister = fixedSnapshot{}
	errFixed                                 = errors.New("the simulated cluster is changed by its forks only")
)

func (fixedSnapshot) StartMutations() error                        { return errFixed }
func (fixedSnapshot) EndMutations() error                          { return errFixed }
func (fixedSnapshot) AddPod(fwk.PodInfo, string) error             { return errFixed }
func (fixedSnapshot) RemovePod(klog.Logger, *v1.Pod, string) error { return errFixed }

type noPodGroupStates struct{}

func (noPodGroupStates) Get(_, name string) (fwk.PodGroupState, error) {
	return nil, notFound("podgroups", name)
}

type noCompositeObjects struct{}

func (noCompositeObjects) Get(_, name string) (*schedulingv1alpha3.CompositePodGroup, error) {
	return nil, notFound("compositepodgroups", name)
}

type noCompositeStates struct{}

func (noCompositeStates) Get(_, name string) (fwk.CompositePodGroupState, error) {
	return nil, notFound("compositepodgroups", name)
}
