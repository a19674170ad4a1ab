package cluster

import (
	"time"

	"github.com/go-logr/logr"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// Options say what cluster to start. Dir is required.
type Options struct {
	// Dir is the cluster's folder: new, empty, or that of a cluster that has ended.
	Dir string
	// Plane is passed on; its Dir, Logs and KubeconfigPath are the cluster's.
	Plane plane.Options
	// Catalog is what the fake VPSie sells; offerings.Sample() when nil.
	Catalog *offerings.Catalog
	// BootTime is how long a machine takes from the order to a Ready node: a part
	// of it in VPSie's queue, a part booting, a part until the kubelet is ready.
	BootTime time.Duration
	// Controller is the path of the controller's executable; none runs when empty.
	Controller string
	// ControllerArguments follow the ones that connect it.
	ControllerArguments []string
	// Logger gets what the fake VPSie and its machines have to say. Default none.
	Logger logr.Logger
}

func (o *Options) complete() {
	if o.Catalog == nil {
		o.Catalog = offerings.Sample()
	}
	if o.Logger.GetSink() == nil {
		o.Logger = logr.Discard()
	}
}
