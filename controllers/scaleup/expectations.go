package scaleup

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// expectations are VPSieNodes that were written and that the copy of the cluster
// must show before the next decision: without them it would buy again.
type expectations struct {
	clock clock.PassiveClock
	mu    sync.Mutex
	// generations that were written, by name.
	generations map[string]generation
}

type generation struct {
	number int64
	at     time.Time
}

// slow is how long the copy may lag behind before the API server is asked
// whether the object is there at all.
const slow = 5 * time.Second

func newExpectations(clock clock.PassiveClock) *expectations {
	return &expectations{clock: clock, generations: map[string]generation{}}
}

func (e *expectations) expect(machine *v1alpha1.VPSieNode) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.generations[machine.Name] = generation{machine.Generation, e.clock.Now()}
}

// met says whether everything written is in the copy. What was deleted since is
// found out live.
func (e *expectations) met(ctx context.Context, seen func(name string) *v1alpha1.VPSieNode, live client.Reader) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, want := range e.generations {
		if m := seen(name); m != nil && m.Generation >= want.number {
			delete(e.generations, name)
			continue
		}
		if e.clock.Since(want.at) < slow {
			continue
		}
		err := live.Get(ctx, client.ObjectKey{Name: name}, &v1alpha1.VPSieNode{})
		if apierrors.IsNotFound(err) {
			delete(e.generations, name)
		} else if err != nil {
			return false, err
		}
	}
	return len(e.generations) == 0, nil
}
