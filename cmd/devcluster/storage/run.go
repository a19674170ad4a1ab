package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// workers is how many claims, volumes and attachments are worked on at once.
const workers = 8

// Run provisions and attaches until ctx is done, and returns nil then. Regions
// are the identifiers of the datacenters where volumes can be; a volume that no
// pod waits for goes to any of them. The client must not be rate limited below
// what is asked of it.
func Run(ctx context.Context, client kubernetes.Interface, regions []string) error {
	if len(regions) == 0 {
		return errors.New("storage needs at least one region")
	}
	if err := Install(ctx, client); err != nil {
		return fmt.Errorf("installing the CSI driver: %w", err)
	}
	provisioning := controller.NewProvisionController(ctx, client, DriverName,
		&provisioner{client: client, regions: regions},
		controller.LeaderElection(false),
		controller.Threadiness(workers),
		// A node may be selected a moment before its CSINode is there.
		controller.RateLimiter(workqueue.NewTypedItemExponentialFailureRateLimiter[string](50*time.Millisecond, 5*time.Second)),
		controller.CreateProvisionedPVBackoff(wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Steps: 8}),
		controller.FailedProvisionThreshold(0),
	)
	var running wait.Group
	running.Start(func() { provisioning.Run(ctx) })
	running.Start(func() { newAttacher(client).run(ctx) })
	running.Wait()
	return nil
}
