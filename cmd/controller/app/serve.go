package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/observe"
)

const (
	// leaseName is the Lease that the acting replica holds.
	leaseName = "vpsie-autoscaler"
	// shutdownGrace is how long what runs may take to end after a signal.
	shutdownGrace = 20 * time.Second
	// Requests a second to the API server, and at once: the pods of a plan are
	// nominated and its machines opened within a moment, and the API server has
	// its own priority and fairness.
	apiQPS, apiBurst = 1000, 3000
)

// serve runs the controller until ctx ends.
func serve(ctx context.Context, o *Options, stderr io.Writer) error {
	logger, err := newLogger(o.LogLevel, o.LogFormat, stderr)
	if err != nil {
		return err
	}
	ctrl.SetLogger(logger)
	klog.SetLogger(logger.WithName("kubernetes"))

	restConfig, err := connection(o.Kubeconfig)
	if err != nil {
		return err
	}
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	mgr, err := manager.New(restConfig, manager.Options{
		Scheme: scheme,
		Logger: logger,
		Cache:  cacheOptions(o),
		Client: client.Options{Cache: &client.CacheOptions{
			// ConfigMaps and Secrets are read by name, and rarely; the one
			// Secret that is watched is asked for through the cache itself.
			DisableFor: []client.Object{&corev1.ConfigMap{}, &corev1.Secret{}},
		}},
		Metrics:                       metricsserver.Options{BindAddress: o.MetricsAddr},
		HealthProbeBindAddress:        o.HealthAddr,
		LeaderElection:                o.LeaderElection,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.VPSieNamespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(shutdownGrace),
	})
	if err != nil {
		return err
	}
	clusterID := o.ClusterID
	if clusterID == "" {
		if clusterID, err = clusterUID(ctx, mgr.GetAPIReader()); err != nil {
			return err
		}
	}
	if err := wire(ctx, mgr, metrics.Registry, o, clusterID); err != nil {
		return err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	logger.Info("starting", "version", version(), "clusterID", clusterID, "dryRun", o.DryRun)
	return mgr.Start(ctx)
}

// newScheme knows Kubernetes' kinds and ours.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
}

// connection is how to reach the API server.
func connection(kubeconfig string) (*rest.Config, error) {
	var found *rest.Config
	var err error
	if kubeconfig != "" {
		found, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	} else {
		found, err = config.GetConfig()
	}
	if err != nil {
		return nil, fmt.Errorf("no connection to a cluster: %s", strings.TrimSpace(err.Error()))
	}
	found.QPS, found.Burst = apiQPS, apiBurst
	found.UserAgent = "vpsie-k8s-autoscaler"
	return found, nil
}

// cacheOptions are observe's, and the one Secret that may be read: it is watched,
// so that rotated credentials count at once.
func cacheOptions(o *Options) cache.Options {
	options := observe.CacheOptions()
	options.SyncPeriod = &o.SyncPeriod
	options.ByObject[&corev1.Secret{}] = cache.ByObject{
		Namespaces: map[string]cache.Config{
			o.VPSieNamespace: {FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, o.VPSieSecret)},
		},
	}
	return options
}

// clusterUID tells this cluster from others: the UID of a namespace that every
// cluster has for as long as it lives.
func clusterUID(ctx context.Context, reader client.Reader) (string, error) {
	var namespace corev1.Namespace
	err := reader.Get(ctx, types.NamespacedName{Name: metav1.NamespaceSystem}, &namespace)
	if err != nil {
		return "", fmt.Errorf("namespace %s, whose UID names the cluster, cannot be read (or set --cluster-id): %w", metav1.NamespaceSystem, err)
	}
	return string(namespace.UID), nil
}
