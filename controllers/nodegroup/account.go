package nodegroup

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// Account is what is read of the VPSie API; *vpsie.Client is one.
type Account interface {
	Projects(ctx context.Context) ([]vpsie.Project, error)
	VPCs(ctx context.Context) ([]vpsie.VPC, error)
	SSHKeys(ctx context.Context) ([]vpsie.SSHKey, error)
	CustomImages(ctx context.Context) ([]vpsie.Image, error)
	KubeClusters(ctx context.Context) ([]vpsie.KubeCluster, error)
}

// shared is a list of VPSie's that all groups are checked against, so that a
// hundred groups ask once.
type shared[T any] struct {
	clock  clock.PassiveClock
	maxAge time.Duration
	read   func(ctx context.Context) ([]T, error)

	mu   sync.Mutex
	list []T
	at   time.Time
}

// find returns the first item that is wanted, nil if VPSie has none. An item
// that a known list lacks is looked for in a new one: it may just have been made.
func (s *shared[T]) find(ctx context.Context, wanted func(*T) bool) (*T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.at.IsZero() && s.clock.Since(s.at) < s.maxAge {
		if found := first(s.list, wanted); found != nil {
			return found, nil
		}
		if s.clock.Since(s.at) < justNow {
			return nil, nil
		}
	}
	list, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	s.list, s.at = list, s.clock.Now()
	return first(list, wanted), nil
}

// justNow is the age at which a list is not read again for what it lacks.
const justNow = 5 * time.Second

func first[T any](list []T, wanted func(*T) bool) *T {
	for i := range list {
		if wanted(&list[i]) {
			return &list[i]
		}
	}
	return nil
}

// lists are the account's, each read when it is first needed.
type lists struct {
	projects shared[vpsie.Project]
	vpcs     shared[vpsie.VPC]
	keys     shared[vpsie.SSHKey]
	images   shared[vpsie.Image]
	clusters shared[vpsie.KubeCluster]
}

func newLists(account Account, c clock.PassiveClock, maxAge time.Duration) *lists {
	return &lists{
		projects: shared[vpsie.Project]{clock: c, maxAge: maxAge, read: account.Projects},
		vpcs:     shared[vpsie.VPC]{clock: c, maxAge: maxAge, read: account.VPCs},
		keys:     shared[vpsie.SSHKey]{clock: c, maxAge: maxAge, read: account.SSHKeys},
		images:   shared[vpsie.Image]{clock: c, maxAge: maxAge, read: account.CustomImages},
		clusters: shared[vpsie.KubeCluster]{clock: c, maxAge: maxAge, read: account.KubeClusters},
	}
}
