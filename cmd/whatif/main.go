// Command whatif answers, from a live cluster or from files, what must be bought
// so that every pending pod runs, why, and how close to the cheapest that is.
// Installed as kubectl-whatif it is a kubectl plugin.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/cli"
)

func main() {
	// Libraries of Kubernetes log through klog; what matters to the user comes
	// back as an error.
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	code := cli.Run(ctx, os.Args, streams)
	stop()
	os.Exit(code)
}
