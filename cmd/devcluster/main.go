// Command devcluster runs a whole Kubernetes cluster on this machine that buys
// its nodes from a fake VPSie: for trying the autoscaler and for working on it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cli"
)

func main() {
	// Libraries of Kubernetes log through klog; what matters to the user comes
	// back as an error.
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	code := cli.Run(ctx, os.Args[1:], streams)
	stop()
	os.Exit(code)
}
