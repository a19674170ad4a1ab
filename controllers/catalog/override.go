package catalog

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// FromFile reads the user's catalogue from a file each time.
func FromFile(path string) Override {
	return func(context.Context) (*offerings.Catalog, error) { return offerings.Load(path) }
}

// FromConfigMap reads the user's catalogue from a key of a ConfigMap. A reader
// with a cache makes that cheap; the text is parsed again only when it changed.
func FromConfigMap(reader client.Reader, name types.NamespacedName, key string) Override {
	var mu sync.Mutex
	var version string
	var last *offerings.Catalog
	return func(ctx context.Context) (*offerings.Catalog, error) {
		mu.Lock()
		defer mu.Unlock()
		var configMap corev1.ConfigMap
		if err := reader.Get(ctx, name, &configMap); err != nil {
			return nil, fmt.Errorf("read the catalogue in ConfigMap %s: %w", name, err)
		}
		if last != nil && version == configMap.ResourceVersion {
			return last, nil
		}
		text, ok := configMap.Data[key]
		if !ok {
			return nil, fmt.Errorf("ConfigMap %s has no key %q with a catalogue", name, key)
		}
		catalog, err := offerings.Parse("ConfigMap "+name.String()+" "+key, []byte(text))
		if err != nil {
			return nil, err
		}
		version, last = configMap.ResourceVersion, catalog
		return catalog, nil
	}
}
