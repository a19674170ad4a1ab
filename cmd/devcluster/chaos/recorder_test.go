package chaos

import (
	"encoding/json"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// recorded are the kinds of which every version is kept that the API server
// shows: whatever the controller writes, but Secrets.
var recorded = []schema.GroupVersionResource{
	{Group: "autoscaler.vpsie.com", Version: "v1alpha1", Resource: "nodegroups"},
	{Group: "autoscaler.vpsie.com", Version: "v1alpha1", Resource: "vpsienodes"},
	{Group: "events.k8s.io", Version: "v1", Resource: "events"},
	{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"},
	{Version: "v1", Resource: "configmaps"},
	{Version: "v1", Resource: "nodes"},
	{Version: "v1", Resource: "pods"},
}

// recorder writes objects to a file, one a line.
type recorder struct {
	mu    sync.Mutex
	file  *os.File
	seen  map[schema.GroupVersionResource]int
	wrong error
}

// record records until the test ends.
func record(t testing.TB, config *rest.Config, path string) *recorder {
	t.Helper()
	file, err := os.Create(path)
	require.NoError(t, err)
	r := &recorder{file: file, seen: map[schema.GroupVersionResource]int{}}
	client, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	for _, resource := range recorded {
		informer := factory.ForResource(resource).Informer()
		require.NoError(t, informer.SetTransform(withoutManagedFields))
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { r.write(resource, object) },
			UpdateFunc: func(_, object any) { r.write(resource, object) },
		})
		require.NoError(t, err)
	}
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())
	t.Cleanup(func() {
		factory.Shutdown()
		_ = file.Close()
	})
	return r
}

// withoutManagedFields: they hold names of fields, and make up half of an object.
func withoutManagedFields(object any) (any, error) {
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}

func (r *recorder) write(resource schema.GroupVersionResource, object any) {
	line, err := json.Marshal(object)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[resource]++
	if err == nil {
		_, err = r.file.Write(append(line, '\n'))
	}
	if err != nil && r.wrong == nil {
		r.wrong = err
	}
}

// complete checks that something of every kind was recorded, and all of it.
func (r *recorder) complete(t testing.TB) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.NoError(t, r.wrong)
	for _, resource := range recorded {
		require.Positive(t, r.seen[resource], "%s seen", resource.Resource)
	}
}
