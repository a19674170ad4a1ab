package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// ErrNotSynced says that not all of the cluster has been read yet.
var ErrNotSynced = errors.New("the cluster has not been read completely yet")

// Options of an Observer. Cache, Live and Scheme must be set.
type Options struct {
	// Cache is the manager's, made with CacheOptions. It must hold all namespaces.
	Cache cache.Cache
	// Live reads from the API server itself, to see what may be listed.
	Live   client.Reader
	Scheme *runtime.Scheme
	// Again is how long to wait before a kind that could not be listed is tried
	// again; 10 minutes when zero.
	Again time.Duration
	// Clock is the real one when nil.
	Clock  clock.WithTicker
	Logger logr.Logger
}

// Observer holds the informers that Snapshots are made from. It is a Runnable of
// the manager's that every replica runs: a new leader need not wait for it.
type Observer struct {
	options Options
	kinds   []kind

	mu sync.Mutex
	// stores and synced by resource; one that is missing is not watched.
	stores map[string]toolscache.Store
	synced map[string]func() bool
	// notes say what is left out, by resource.
	notes    map[string]string
	handlers []handler
	// probed says that every kind was tried once.
	probed bool
}

// handler is a listener for a resource.
type handler struct {
	resource string
	listener toolscache.ResourceEventHandler
}

// New makes an Observer; it reads nothing before Start.
func New(options Options) (*Observer, error) {
	if options.Cache == nil || options.Live == nil || options.Scheme == nil {
		return nil, errors.New("observe: Cache, Live and Scheme must be set")
	}
	if options.Again == 0 {
		options.Again = 10 * time.Minute
	}
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	return &Observer{
		options: options, kinds: kinds(),
		stores: map[string]toolscache.Store{}, synced: map[string]func() bool{}, notes: map[string]string{},
	}, nil
}

// Handle lets a listener hear of every change of a resource ("pods", "nodes",
// "csinodes", "events" …). It must be called before Start, and must not block.
func (o *Observer) Handle(resource string, listener toolscache.ResourceEventHandler) {
	o.handlers = append(o.handlers, handler{resource, listener})
}

// NeedLeaderElection says that replicas that do not lead watch too.
func (o *Observer) NeedLeaderElection() bool { return false }

// Start watches until ctx ends. Its error is that something without which there
// can be no Snapshot cannot be watched.
func (o *Observer) Start(ctx context.Context) error {
	left := o.kinds
	for {
		var err error
		if left, err = o.watch(ctx, left); err != nil {
			return err
		}
		o.mu.Lock()
		o.probed = true
		o.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-o.options.Clock.After(o.options.Again):
		}
	}
}

// watch begins to watch the kinds that can be listed and returns the others.
func (o *Observer) watch(ctx context.Context, list []kind) (left []kind, err error) {
	for _, k := range list {
		note, err := o.probe(ctx, k)
		switch {
		case ctx.Err() != nil:
			return nil, nil
		case note != "" && k.required:
			return nil, fmt.Errorf("observe: %s", note)
		case note != "":
			o.leaveOut(k, note)
			left = append(left, k)
			continue
		case err != nil && !k.required:
			o.leaveOut(k, fmt.Sprintf("cannot list %s: %v", k.resource, err))
			left = append(left, k)
			continue
		}
		// What is required is watched even if the API server did not answer just
		// now: the informer waits for it, and so does the first Snapshot.
		if err := o.start(ctx, k); err != nil {
			if ctx.Err() != nil {
				return nil, nil
			}
			return nil, fmt.Errorf("observe: watching %s: %w", k.resource, err)
		}
	}
	return left, nil
}

// leaveOut notes that a kind is not watched, and says so once.
func (o *Observer) leaveOut(k kind, note string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.notes[k.resource] != note {
		o.notes[k.resource] = note
		o.options.Logger.Info("left out of what is observed", "resource", k.resource, "why", note)
	}
}

// probe asks the API server for one object of the kind. A note says why the kind
// cannot be listed for good; an error may pass.
func (o *Observer) probe(ctx context.Context, k kind) (note string, err error) {
	gvk, err := apiutil.GVKForObject(k.object, o.options.Scheme)
	if err != nil {
		return "", err
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	err = o.options.Live.List(ctx, list, client.Limit(1))
	switch {
	case err == nil:
		return "", nil
	case meta.IsNoMatchError(err), apierrors.IsNotFound(err):
		return fmt.Sprintf("the cluster has no %s", k.resource), nil
	case apierrors.IsForbidden(err):
		return fmt.Sprintf("not allowed to list %s: plans are made as if there were none", k.resource), nil
	}
	return "", err
}

func (o *Observer) start(ctx context.Context, k kind) error {
	informer, err := o.options.Cache.GetInformer(ctx, k.object, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	stored, ok := informer.(interface{ GetStore() toolscache.Store })
	if !ok {
		return fmt.Errorf("the cache's %T holds several stores: it must watch all namespaces at once", informer)
	}
	synced := []func() bool{informer.HasSynced}
	for _, h := range o.handlers {
		if h.resource != k.resource {
			continue
		}
		registration, err := informer.AddEventHandler(h.listener)
		if err != nil {
			return err
		}
		synced = append(synced, registration.HasSynced)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.notes, k.resource)
	o.stores[k.resource] = stored.GetStore()
	o.synced[k.resource] = func() bool {
		return !slices.ContainsFunc(synced, func(f func() bool) bool { return !f() })
	}
	return nil
}

// HasSynced says that everything that can be watched has been read and heard.
func (o *Observer) HasSynced() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.probed {
		return false
	}
	for _, synced := range o.synced {
		if !synced() {
			return false
		}
	}
	return true
}

// Notes say what is left out, one line each, in the order of the kinds.
func (o *Observer) Notes() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var notes []string
	for _, k := range o.kinds {
		if note, ok := o.notes[k.resource]; ok {
			notes = append(notes, note)
		}
	}
	return notes
}

// get returns one object of the copy, nil if it is not there. It is shared and
// must not be changed.
func get[T client.Object](o *Observer, resource, key string) (object T) {
	o.mu.Lock()
	store := o.stores[resource]
	o.mu.Unlock()
	if store == nil {
		return object
	}
	if found, ok, _ := store.GetByKey(key); ok {
		return found.(T)
	}
	return object
}
