// Command controller is the autoscaler in a cluster: it watches for pods that do
// not fit, plans with kube-scheduler's own code, and buys, joins, drains and gives
// back VPSie machines.
package main

import (
	"os"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/controller/app"
)

func main() {
	os.Exit(app.Run(ctrl.SetupSignalHandler(), os.Args[1:], os.Stdout, os.Stderr))
}
