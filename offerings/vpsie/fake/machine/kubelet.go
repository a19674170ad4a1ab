package machine

import (
	"context"
	"errors"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// kubelet is the node's agent, with the node's own certificate.
type kubelet struct {
	*guest
	settings *settings
	client   kubernetes.Interface
	uid      types.UID // of the Node
	pods     *pods
	volumes  *volumes
	ready    chan struct{} // closed when the network is there
	tasks    sync.WaitGroup
}

func newKubelet(g *guest, c kubernetes.Interface, s *settings) *kubelet {
	k := &kubelet{guest: g, settings: s, client: c, ready: make(chan struct{})}
	k.pods = &pods{kubelet: k, known: map[types.UID]*life{}}
	k.volumes = &volumes{kubelet: k, inUse: map[corev1.UniqueVolumeName]int{}, held: map[types.UID][]corev1.UniqueVolumeName{}}
	return k
}

// register creates the Node, not ready. One that exists is taken over: it is
// from an earlier life of a machine of this name.
func (k *kubelet) register(ctx context.Context) error {
	wanted := k.node()
	for {
		created, err := k.client.CoreV1().Nodes().Create(ctx, wanted, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			created, err = k.client.CoreV1().Nodes().Get(ctx, wanted.Name, metav1.GetOptions{})
			if err == nil {
				err = k.patchStatus(ctx, wanted.Status)
			}
		}
		switch {
		case err == nil:
			k.uid = created.UID
			return nil
		case !transient(err):
			return err
		}
		if err := k.pause(ctx, k.config.RetryPeriod); err != nil {
			return err
		}
	}
}

// run is the kubelet's life.
func (k *kubelet) run(ctx context.Context) {
	k.tasks.Go(func() { k.heartbeat(ctx) })
	k.tasks.Go(func() { k.pods.watch(ctx) })
	k.tasks.Go(func() {
		k.insist(ctx, k.initialiseCSINode)
		if k.pause(ctx, k.config.ReadyDelay) != nil {
			return
		}
		if k.insist(ctx, func(ctx context.Context) error { return k.patchStatus(ctx, k.status(true)) }) {
			close(k.ready)
			k.report(fake.Boot{Stage: fake.BootReady, Node: k.settings.name, Reason: k.reason()})
		}
		if k.config.Devices {
			k.insist(ctx, k.publishDevices)
		}
		if csi := k.config.CSI; csi != nil && k.pause(ctx, csi.Delay) == nil {
			k.insist(ctx, k.registerCSI)
		}
	})
	k.tasks.Wait()
}

// insist repeats until it is done. It gives up, and says so, when the machine
// ends or when what was asked for is not to be had.
func (k *kubelet) insist(ctx context.Context, do func(context.Context) error) bool {
	for {
		err := do(ctx)
		switch {
		case err == nil:
			return true
		case ctx.Err() != nil, errors.Is(err, errGone):
			return false
		case apierrors.IsNotFound(err), apierrors.IsUnauthorized(err), apierrors.IsInvalid(err):
			k.config.Logger.Info("kubelet gives up", "node", k.settings.name, "reason", hidden(err).Error())
			return false
		}
		if k.pause(ctx, k.config.RetryPeriod) != nil {
			return false
		}
	}
}

// errGone says that what was being worked on does not exist any more.
var errGone = errors.New("gone")
