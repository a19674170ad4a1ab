package vpsienode

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// absences remembers since when machines are in no list. It is not kept over a
// restart: a new controller looks for itself.
type absences struct {
	mu    sync.Mutex
	since map[types.UID]time.Time
}

func newAbsences() *absences { return &absences{since: map[types.UID]time.Time{}} }

// note records that a reading lacks the machine, and returns for how long
// readings have lacked it. The first returns 0.
func (a *absences) note(uid types.UID, at time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	first, known := a.since[uid]
	if !known {
		a.since[uid] = at
		return 0
	}
	return at.Sub(first)
}

// clear forgets the absence: it was seen, or an order may bring it.
func (a *absences) clear(uid types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.since, uid)
}

// nodeKey is the key of the absence of the machine's Node, beside the machine's own.
func nodeKey(m *v1alpha1.VPSieNode) types.UID { return m.UID + "/node" }
