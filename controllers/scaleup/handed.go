package scaleup

import (
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// handed are the pods whose machines were opened a moment ago. Another pod may have
// taken the place of one, and leave its own to it: what is short is known when
// kube-scheduler has dealt with them all, so no machine is bought for them before.
type handed struct {
	mu    sync.Mutex
	until map[types.UID]time.Time
}

func (h *handed) add(pods []*v1.Pod, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.until == nil {
		h.until = map[types.UID]time.Time{}
	}
	for _, pod := range pods {
		h.until[pod.UID] = until
	}
}

// notBefore says for which of the pods, by name, nothing is bought yet, and until
// when. What is past is forgotten.
func (h *handed) notBefore(pods map[string]*v1.Pod, now time.Time) map[string]time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	for uid, until := range h.until {
		if !until.After(now) {
			delete(h.until, uid)
		}
	}
	list := map[string]time.Time{}
	for name, pod := range pods {
		if until, ok := h.until[pod.UID]; ok {
			list[name] = until
		}
	}
	return list
}
