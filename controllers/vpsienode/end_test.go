package vpsienode_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/vpsienode"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake/machine"
)

// delete deletes a machine's object, as a user or a decision does.
func (s *site) delete(name string) {
	require.NoError(s, s.client.Delete(s.Context(), &v1alpha1.VPSieNode{ObjectMeta: metav1.ObjectMeta{Name: name}}))
}

// pod makes a pod that runs on the shop's nodes.
func (s *site) pod(name string) {
	grace := int64(1)
	require.NoError(s, s.client.Create(s.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Labels: map[string]string{"app": "shop"}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace,
			Containers:                    []corev1.Container{{Name: "c", Image: "shop"}},
			Volumes:                       []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
			Tolerations:                   []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpExists}},
		},
	}))
	s.until(name+" runs", func() bool {
		pod := &corev1.Pod{}
		return s.client.Get(s.Context(), client.ObjectKey{Namespace: "default", Name: name}, pod) == nil && pod.Status.Phase == corev1.PodRunning
	})
}

// A disruption budget holds a machine for as long as it refuses.
func TestBudgetsAreHonoured(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 40}, &machine.Config{RetryPeriod: 50 * time.Millisecond})
	s.options.DrainAttempt = 500 * time.Millisecond
	s.group("general", nil)
	s.run()
	name := s.decide("general", "a1").Name
	s.untaint(name)
	s.phase(name, v1alpha1.PhaseReady)
	s.pod("web")
	one := intstr.FromInt32(1)
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: "default"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &one, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "shop"}}},
	}
	require.NoError(t, s.client.Create(t.Context(), budget))
	s.until("the budget is known", func() bool {
		return s.client.Get(t.Context(), client.ObjectKeyFromObject(budget), budget) == nil && budget.Status.CurrentHealthy == 1
	})

	s.delete(name)
	s.until("the drain is refused", func() bool {
		m := s.get(name)
		return m != nil && condition(m, v1alpha1.VPSieNodeError).Reason == "DrainFailed"
	})
	assert.True(t, s.node(name).Spec.Unschedulable, "the node takes no more pods")
	assert.Len(t, s.alive(name), 1)
	assert.Equal(t, v1alpha1.PhaseTerminating, s.get(name).Status.Phase)

	require.NoError(t, s.client.Delete(t.Context(), budget))
	s.gone(name)
	err := s.client.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "web"}, &corev1.Pod{})
	assert.NoError(t, client.IgnoreNotFound(err))
	assert.Error(t, err, "the pod was evicted")
	assert.True(t, slices.ContainsFunc(s.events(), func(e string) bool { return strings.HasPrefix(e, "Warning DrainFailed") }))
}

// With a DrainTimeout, and only then, pods do not hold a machine for ever.
func TestDrainTimeout(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 41}, nil)
	s.group("general", nil)
	step := s.step(func(o *vpsienode.Options) {
		o.DrainTimeout = time.Hour
		o.DrainAttempt = 100 * time.Millisecond
	})
	name := step.readied("b1").Name
	// Nobody is there to end this pod: the machine is none.
	require.NoError(t, s.client.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "stuck", Namespace: "default"},
		Spec:       corev1.PodSpec{NodeName: name, Containers: []corev1.Container{{Name: "c", Image: "shop"}}},
	}))
	s.delete(name)
	began := step.clock.Now()
	step.on(name, "")
	assert.GreaterOrEqual(t, step.clock.Since(began), time.Hour)
	assert.Empty(t, s.alive(name))
}

// A volume that is still attached holds the machine, for a while.
func TestVolumesAreDetachedFirst(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 44}, nil)
	s.group("general", nil)
	for situation, let := range map[string]bool{"it is detached": true, "it is not detached in time": false} {
		t.Run(situation, func(t *testing.T) {
			s.T = t
			step := s.step(nil)
			name := step.readied(map[bool]string{true: "e1", false: "e2"}[let]).Name
			volume := "data"
			attachment := &storagev1.VolumeAttachment{
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Spec: storagev1.VolumeAttachmentSpec{
					Attacher: "test.example.com", NodeName: name, Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &volume},
				},
			}
			require.NoError(t, s.client.Create(t.Context(), attachment))
			s.delete(name)
			s.until("the volume is waited for", func() bool {
				m, _, err := step.once(name)
				require.NoError(t, err)
				return strings.Contains(m.Status.Message, "waiting for 1 volumes to be detached, data among them")
			})
			began := step.clock.Now()
			if let {
				require.NoError(t, s.client.Delete(t.Context(), attachment))
			}
			step.on(name, "")
			assert.Equal(t, let, step.clock.Since(began) < 5*time.Minute)
			assert.Equal(t, !let, slices.ContainsFunc(s.events(), func(e string) bool { return strings.HasPrefix(e, "Warning DetachTimeout") }))
		})
	}
}

// A machine that VPSie does not delete is not gone, however long it takes.
func TestWrongPassword(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 42}, nil)
	s.group("general", nil)
	step := s.step(nil)
	name := step.readied("c1").Name
	require.NoError(t, s.server.SetFaults(fake.Fault{Kind: fake.WrongPassword, Operation: fake.DeleteVM}))
	s.delete(name)
	m := step.on(name, v1alpha1.PhaseDeleting)
	for range 5 {
		var pause time.Duration
		var err error
		m, pause, err = step.once(name)
		require.NoError(t, err)
		require.NotNil(t, m)
		assert.Equal(t, 10*time.Minute, pause, "it is asked for slowly")
		step.pass(pause)
	}
	cannot := condition(m, v1alpha1.CannotDelete)
	assert.Equal(t, metav1.ConditionTrue, cannot.Status)
	assert.Equal(t, "WrongPassword", cannot.Reason)
	assert.Len(t, s.alive(name), 1)
	warnings := 0
	for _, event := range s.events() {
		if strings.HasPrefix(event, "Warning CannotDelete") {
			warnings++
		}
	}
	assert.Equal(t, 1, warnings, "it is told once")
	require.NoError(t, s.server.SetFaults())
	step.on(name, "")
	assert.Empty(t, s.alive(name))
}

func TestDeletedOnTheWay(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 43}, nil)
	s.group("general", nil)
	t.Run("before anything was ordered", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		s.server.Down(true)
		name := s.decide("general", "d1").Name
		_, _, _ = step.once(name)
		s.delete(name)
		m, _, err := step.once(name)
		require.NoError(t, err)
		assert.Nil(t, m, "there is nothing to wait for, whether VPSie can be read or not")
		s.server.Down(false)
		assert.Zero(t, s.server.Bought(name))
	})
	t.Run("after an order whose answer was lost", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		require.NoError(t, s.server.SetFaults(fake.Fault{Kind: fake.LostResponse, Operation: fake.CreateVM, Count: 1}))
		name := s.decide("general", "d2").Name
		_, _, _ = step.once(name)
		s.delete(name)
		step.on(name, "")
		assert.Equal(t, 1, s.server.Bought(name))
		assert.Empty(t, s.alive(name))
	})
	t.Run("after an order that never arrived", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		require.NoError(t, s.server.SetFaults(fake.Fault{Kind: fake.ConnectionReset, Operation: fake.CreateVM, Count: 1}))
		name := s.decide("general", "d3").Name
		_, _, _ = step.once(name)
		s.delete(name)
		began := step.clock.Now()
		step.on(name, "")
		assert.GreaterOrEqual(t, step.clock.Since(began), time.Minute, "it might still have come")
		assert.Zero(t, s.server.Bought(name))
	})
	t.Run("while VPSie is down", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		name := step.readied("d4").Name
		s.server.Down(true)
		s.delete(name)
		for range 20 {
			m, _, _ := step.once(name)
			require.NotNil(t, m)
			step.pass(time.Minute)
		}
		s.server.Down(false)
		step.on(name, "")
		assert.Empty(t, s.alive(name))
	})
	t.Run("with lists that lie", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		name := step.readied("d5").Name
		require.NoError(t, s.server.SetFaults(fake.Fault{Kind: fake.EmptyList, Operation: fake.ListVMs, Count: 10}))
		s.delete(name)
		step.on(name, "")
		require.NoError(t, s.server.SetFaults())
		assert.Empty(t, s.alive(name), "one empty list is no proof that it is gone")
	})
	t.Run("and the deletion's answer is lost", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		name := step.readied("d6").Name
		require.NoError(t, s.server.SetFaults(fake.Fault{Kind: fake.LostResponse, Operation: fake.DeleteVM, Count: 1}))
		s.delete(name)
		step.on(name, "")
		assert.Empty(t, s.alive(name))
	})
}
