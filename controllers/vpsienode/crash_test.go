package vpsienode_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/bootstrap"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/vpsienode"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// mortal is a process that dies at one of its effects: before or after it took
// place. From then on nothing that it does reaches anybody.
type mortal struct {
	// left effects until death; negative is immortal.
	left int
	// after says that the last effect still takes place.
	after bool
	dead  bool
	count int
}

var errDead = errors.New("the process is dead")

// effect does something that outlives the process.
func (p *mortal) effect(do func() error) error {
	if p.dead {
		return errDead
	}
	p.count++
	if p.left == 0 {
		p.dead = true
		if p.after {
			_ = do()
		}
		return errDead
	}
	p.left--
	return do()
}

// kubernetes is a client whose writes are effects.
func (p *mortal) kubernetes(c client.WithWatch) client.Client {
	return interceptor.NewClient(c, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return p.effect(func() error { return c.Patch(ctx, o, patch, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return p.effect(func() error { return c.Delete(ctx, o, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			return p.effect(func() error { return c.SubResource(sub).Patch(ctx, o, patch, opts...) })
		},
	})
}

// mortalVPSie is a VPSie whose creations and deletions are effects.
type mortalVPSie struct {
	vpsienode.VPSie
	process *mortal
}

func (v mortalVPSie) CreateVM(ctx context.Context, request vpsie.VMRequest) error {
	return v.process.effect(func() error { return v.VPSie.CreateVM(ctx, request) })
}

func (v mortalVPSie) DeleteVM(ctx context.Context, id, reason string) error {
	return v.process.effect(func() error { return v.VPSie.DeleteVM(ctx, id, reason) })
}

// mortalBootstrap makes and deletes tokens as effects.
type mortalBootstrap struct {
	vpsienode.Bootstrap
	process *mortal
}

func (b mortalBootstrap) Prepare(ctx context.Context, m *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup, labels map[string]string) (material bootstrap.Material, err error) {
	err = b.process.effect(func() error {
		material, err = b.Bootstrap.Prepare(ctx, m, group, labels)
		return err
	})
	return material, err
}

func (b mortalBootstrap) Release(ctx context.Context, m *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup) error {
	return b.process.effect(func() error { return b.Bootstrap.Release(ctx, m, group) })
}

// life takes a machine from its decision to Ready and away again, and starts a
// new process whenever one has died. It returns how many effects there were.
func (t *stepper) life(suffix string, process *mortal) int {
	t.Helper()
	t.options.VPSie = mortalVPSie{t.api, process}
	t.options.Bootstrap = mortalBootstrap{t.boot, process}
	t.options.Client = process.kubernetes(t.client)
	t.restart()
	name := t.decide("general", suffix).Name
	joined, ended := false, false
	for start := time.Now(); time.Since(start) < patience; {
		m, pause, err := t.once(name)
		if process.dead {
			*process = mortal{left: -1}
			t.restart()
			continue
		}
		if m == nil {
			require.True(t, ended, "it is gone because it was deleted")
			return process.count
		}
		if err != nil {
			require.NotErrorIs(t, err, errDead)
		}
		switch {
		case m.Status.Phase == v1alpha1.PhaseProvisioned && !joined:
			t.register(m, corev1.ConditionTrue, func(n *corev1.Node) { n.Spec.Taints = nil })
			joined = true
		case m.Status.Phase == v1alpha1.PhaseReady && !ended:
			require.Len(t, t.alive(name), 1)
			require.NoError(t, t.client.Delete(t.Context(), m))
			ended = true
		}
		t.pass(max(pause, 1))
	}
	t.Fatalf("%s does not come to its end; %s", name, t.story())
	return 0
}

// A process that dies at any of its effects, before or after the effect, leaves
// a state from which the next one goes on: one machine is bought, and none left.
func TestDeathAtEveryEffect(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 30}, nil)
	s.group("general", nil)
	step := s.step(nil)
	total := step.life("all", &mortal{left: -1})
	require.Greater(t, total, 10, "effects of a life: what follows tests something")
	for effect := range total {
		for _, after := range []bool{false, true} {
			suffix := fmt.Sprintf("x%d-%t", effect, after)
			t.Run(suffix, func(t *testing.T) {
				s.T = t
				step.life(suffix, &mortal{left: effect, after: after})
				name := "vpsie-general-" + suffix
				assert.Equal(t, 1, s.server.Bought(name))
				assert.Empty(t, s.alive(name))
				assert.Nil(t, s.node(name))
				assert.Empty(t, s.secrets())
			})
		}
	}
}
