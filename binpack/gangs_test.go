package binpack

import (
	"testing"

	"github.com/stretchr/testify/assert"
	v1 "k8s.io/api/core/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func podGroup(name string, minCount int32) *schedulingv1beta1.PodGroup {
	return &schedulingv1beta1.PodGroup{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}, Spec: schedulingv1beta1.PodGroupSpec{
		SchedulingPolicy: schedulingv1beta1.PodGroupSchedulingPolicy{Gang: &schedulingv1beta1.GangSchedulingPolicy{MinCount: minCount}}}}
}

func memberOf(group string) func(*v1.Pod) {
	return func(pod *v1.Pod) { pod.Spec.SchedulingGroup = &v1.PodSchedulingGroup{PodGroupName: &group} }
}

func TestPodGroupsAllOrNothing(t *testing.T) {
	limited := func(n int) func(*Request) { return func(r *Request) { r.Limits.Nodes = n } }
	t.Run("all", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(6, "train", "4", "1Gi", memberOf("g")), podGroup("g", 6))...))
		assert.Len(t, p.Add, 6)
	})
	t.Run("nothing, when a limit cuts it short", func(t *testing.T) {
		r := request(t, small(t), append(pods(6, "train", "4", "1Gi", memberOf("g")), podGroup("g", 6), simtest.Pod("web", "1", "1Gi"))...)
		limited(5)(&r)
		p := scaleUp(t, r)
		assert.Len(t, p.Add, 1, "only what the other pod needs")
		assert.Len(t, p.Unschedulable, 6)
		assert.Equal(t, "pod group g needs 6 pods at once, and only 5 can be placed", p.Unschedulable[0].Summary)
		assert.Contains(t, reasonsOf(t, p, "train-0"), "* GangScheduling: pod group g needs 6 pods at once, and only 5 can be placed")
	})
	t.Run("its minimum is enough", func(t *testing.T) {
		r := request(t, small(t), append(pods(6, "train", "4", "1Gi", memberOf("g")), podGroup("g", 4))...)
		limited(5)(&r)
		assert.Len(t, scaleUp(t, r).Add, 5)
	})
	t.Run("members that run count", func(t *testing.T) {
		r := request(t, small(t), append(pods(2, "train", "4", "1Gi", memberOf("g")), podGroup("g", 3),
			simtest.Node("n", "4", "16Gi"), simtest.Pod("runs", "4", "1Gi", simtest.On("n"), memberOf("g")))...)
		assert.Len(t, scaleUp(t, r).Add, 2)
	})
	t.Run("a member that no machine can hold, and why", func(t *testing.T) {
		r := request(t, small(t), append(pods(3, "train", "4", "1Gi", memberOf("g")), podGroup("g", 4), simtest.Pod("train-big", "99", "1Gi", memberOf("g")))...)
		p := scaleUp(t, r)
		assert.Empty(t, p.Add)
		assert.Equal(t, []string{"* GangScheduling: pod group g needs 4 pods at once, and only 3 can be placed", "* NodeResourcesFit: Insufficient cpu"}, reasonsOf(t, p, "train-big"))
	})
	t.Run("of two that compete under a limit one is served", func(t *testing.T) {
		r := request(t, small(t), append(append(pods(3, "one", "4", "1Gi", memberOf("g1")), pods(3, "two", "4", "1Gi", memberOf("g2"))...), podGroup("g1", 3), podGroup("g2", 3))...)
		limited(4)(&r)
		p := scaleUp(t, r)
		assert.Equal(t, []string{"two-0", "two-1", "two-2"}, left(p), "the first in the queue")
		assert.Len(t, p.Add, 3)
	})
	t.Run("of many that compete as many as have room", func(t *testing.T) {
		objects := list()
		for _, g := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			objects = append(objects, append(pods(3, g, "4", "1Gi", memberOf(g)), podGroup(g, 3))...)
		}
		r := request(t, small(t), objects...)
		r.NodeGroups = []*v1alpha1.NodeGroup{nodeGroup("only", func(s *v1alpha1.NodeGroupSpec) { s.MaxNodes = 10 })}
		p := scaleUp(t, r)
		assert.Len(t, p.Add, 9)
		assert.Empty(t, zonesOf(p, "h"))
	})
	t.Run("the higher priority wins", func(t *testing.T) {
		r := request(t, small(t), append(append(pods(3, "one", "4", "1Gi", memberOf("g1")), pods(3, "two", "4", "1Gi", memberOf("g2"), simtest.Priority(5))...), podGroup("g1", 3), podGroup("g2", 3))...)
		limited(4)(&r)
		assert.Equal(t, []string{"one-0", "one-1", "one-2"}, left(scaleUp(t, r)))
	})
	t.Run("before pods of a lower priority", func(t *testing.T) {
		r := request(t, small(t), append(append(pods(3, "one", "4", "1Gi", memberOf("g1"), simtest.Priority(5)), pods(2, "web", "4", "1Gi")...), podGroup("g1", 3))...)
		limited(3)(&r)
		assert.Equal(t, []string{"web-0", "web-1"}, left(scaleUp(t, r)))
	})
	t.Run("a hopeless one does not cost the others theirs", func(t *testing.T) {
		objects := append(append(pods(2, "a", "4", "1Gi", memberOf("ga")), podGroup("ga", 2)), pods(1, "b", "4", "1Gi", memberOf("gb"))...)
		objects = append(objects, simtest.Pod("b-never", "99", "1Gi", memberOf("gb"), simtest.Priority(9)), podGroup("gb", 2))
		r := request(t, small(t), objects...)
		limited(2)(&r)
		p := scaleUp(t, r)
		assert.Equal(t, []string{"b-0", "b-never"}, left(p))
	})
	t.Run("a group that is not known", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), pods(2, "train", "4", "1Gi", memberOf("missing"))...))
		assert.Len(t, p.Add, 2)
	})
}
