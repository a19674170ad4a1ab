package simulator

import (
	"context"
	"fmt"
	"reflect"
	"sort"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/informers/apps"
	"k8s.io/client-go/informers/core"
	"k8s.io/client-go/informers/internalinterfaces"
	"k8s.io/client-go/informers/policy"
	"k8s.io/client-go/informers/resource"
	"k8s.io/client-go/informers/scheduling"
	"k8s.io/client-go/informers/storage"
	"k8s.io/client-go/tools/cache"
)

// memoryInformers is a SharedInformerFactory without a server behind it: the
// Cluster writes objects into its stores, and handlers hear of them before the
// write returns. Plugins that keep caches of their own (VolumeBinding) are thus
// up to date at every instant, in every fork.
type memoryInformers struct {
	// SharedInformerFactory is nil: a group that no scheduler plugin reads panics.
	informers.SharedInformerFactory
	byType map[reflect.Type]*memoryInformer
}

func newMemoryInformers() *memoryInformers {
	return &memoryInformers{byType: map[reflect.Type]*memoryInformer{}}
}

func (f *memoryInformers) InformerFor(obj runtime.Object, _ internalinterfaces.NewInformerFunc) cache.SharedIndexInformer {
	return f.informer(obj)
}

func (f *memoryInformers) informer(obj runtime.Object) *memoryInformer {
	key := reflect.TypeOf(obj)
	informer, ok := f.byType[key]
	if !ok {
		informer = &memoryInformer{indexer: cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{
			cache.NamespaceIndex: cache.MetaNamespaceIndexFunc,
		})}
		f.byType[key] = informer
	}
	return informer
}

func (f *memoryInformers) Apps() apps.Interface             { return apps.New(f, "", nil) }
func (f *memoryInformers) Core() core.Interface             { return core.New(f, "", nil) }
func (f *memoryInformers) Policy() policy.Interface         { return policy.New(f, "", nil) }
func (f *memoryInformers) Resource() resource.Interface     { return resource.New(f, "", nil) }
func (f *memoryInformers) Scheduling() scheduling.Interface { return scheduling.New(f, "", nil) }
func (f *memoryInformers) Storage() storage.Interface       { return storage.New(f, "", nil) }

// memoryInformer is one kind's store and its listeners.
type memoryInformer struct {
	cache.SharedIndexInformer
	indexer  cache.Indexer
	handlers []cache.ResourceEventHandler
}

func (i *memoryInformer) AddEventHandler(handler cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	i.handlers = append(i.handlers, handler)
	for _, obj := range i.indexer.List() {
		handler.OnAdd(obj, true)
	}
	return synced{}, nil
}

func (i *memoryInformer) AddEventHandlerWithResyncPeriod(handler cache.ResourceEventHandler, _ time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandler(handler)
}

func (i *memoryInformer) AddEventHandlerWithOptions(handler cache.ResourceEventHandler, _ cache.HandlerOptions) (cache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandler(handler)
}

func (i *memoryInformer) AddIndexers(indexers cache.Indexers) error {
	missing := cache.Indexers{}
	have := i.indexer.GetIndexers()
	for name, index := range indexers {
		if _, ok := have[name]; !ok {
			missing[name] = index
		}
	}
	return i.indexer.AddIndexers(missing)
}

func (i *memoryInformer) GetIndexer() cache.Indexer        { return i.indexer }
func (i *memoryInformer) GetStore() cache.Store            { return i.indexer }
func (i *memoryInformer) HasSynced() bool                  { return true }
func (i *memoryInformer) Run(<-chan struct{})              {}
func (i *memoryInformer) RunWithContext(_ context.Context) {}

// put stores obj and returns what it replaced, nil if nothing.
//
// Listeners hear a replacement as a deletion and an addition: assume caches
// keep the newer resource version of an update, and a reverted fork goes back
// to an older one.
func (i *memoryInformer) put(obj runtime.Object) (runtime.Object, error) {
	accessor, err := meta.Accessor(obj)
	if err != nil {
		return nil, err
	}
	previous, exists, err := i.indexer.Get(obj)
	if err != nil {
		return nil, fmt.Errorf("%T %s: %w", obj, accessor.GetName(), err)
	}
	if err := i.indexer.Update(obj); err != nil {
		return nil, fmt.Errorf("%T %s: %w", obj, accessor.GetName(), err)
	}
	for _, handler := range i.handlers {
		if exists {
			handler.OnDelete(previous)
		}
		handler.OnAdd(obj, false)
	}
	if !exists {
		return nil, nil
	}
	return previous.(runtime.Object), nil
}

func (i *memoryInformer) remove(obj runtime.Object) error {
	if err := i.indexer.Delete(obj); err != nil {
		return fmt.Errorf("%T: %w", obj, err)
	}
	for _, handler := range i.handlers {
		handler.OnDelete(obj)
	}
	return nil
}

// listOf lists a kind's objects sorted by key.
func listOf[T any](c *Cluster, kind runtime.Object) []T {
	indexer := c.informers.informer(kind).indexer
	keys := indexer.ListKeys()
	sort.Strings(keys)
	objects := make([]T, 0, len(keys))
	for _, key := range keys {
		if object, ok, _ := indexer.GetByKey(key); ok {
			objects = append(objects, object.(T))
		}
	}
	return objects
}

// synced is the registration of a handler that has heard everything.
type synced struct{}

func (synced) HasSynced() bool                     { return true }
func (synced) HasSyncedChecker() cache.DoneChecker { return alwaysDone{} }

type alwaysDone struct{}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (alwaysDone) Name() string          { return "memory" }
func (alwaysDone) Done() <-chan struct{} { return closed }
