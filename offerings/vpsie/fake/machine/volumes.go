package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// volumes that pods of the node use. The control plane attaches them, and
// detaches those that the node no longer says it uses.
type volumes struct {
	kubelet *kubelet
	mu      sync.Mutex
	inUse   map[corev1.UniqueVolumeName]int
	held    map[types.UID][]corev1.UniqueVolumeName
}

// errWaiting asks for another try: somebody else has to do something first.
var errWaiting = errors.New("waiting")

// mount returns nil when each volume of the pod is attached.
func (v *volumes) mount(ctx context.Context, pod *corev1.Pod) error {
	names, err := v.names(ctx, pod)
	if err != nil || len(names) == 0 {
		return err
	}
	if err := v.use(ctx, pod.UID, names); err != nil {
		return err
	}
	node, err := v.kubelet.client.CoreV1().Nodes().Get(ctx, v.kubelet.settings.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(node.Status.VolumesAttached, func(a corev1.AttachedVolume) bool { return a.Name == name }) {
			return errWaiting
		}
	}
	return nil
}

// names are those of the pod's volumes that have to be attached to a node.
func (v *volumes) names(ctx context.Context, pod *corev1.Pod) ([]corev1.UniqueVolumeName, error) {
	var names []corev1.UniqueVolumeName
	for _, volume := range pod.Spec.Volumes {
		claim := ""
		switch {
		case volume.PersistentVolumeClaim != nil:
			claim = volume.PersistentVolumeClaim.ClaimName
		case volume.Ephemeral != nil:
			claim = pod.Name + "-" + volume.Name
		default:
			continue
		}
		name, err := v.name(ctx, pod.Namespace, claim)
		if err != nil {
			return nil, err
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

func (v *volumes) name(ctx context.Context, namespace, claim string) (corev1.UniqueVolumeName, error) {
	c := v.kubelet.client
	pvc, err := c.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, claim, metav1.GetOptions{})
	switch {
	case err != nil:
		return "", later(err)
	case pvc.Status.Phase != corev1.ClaimBound:
		return "", errWaiting
	}
	pv, err := c.CoreV1().PersistentVolumes().Get(ctx, pvc.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return "", later(err)
	}
	if pv.Spec.CSI == nil {
		return "", nil // on this machine, or on a network
	}
	driver, err := c.StorageV1().CSIDrivers().Get(ctx, pv.Spec.CSI.Driver, metav1.GetOptions{})
	switch {
	case err == nil && driver.Spec.AttachRequired != nil && !*driver.Spec.AttachRequired:
		return "", nil
	case err != nil && !apierrors.IsNotFound(err):
		return "", err
	}
	return corev1.UniqueVolumeName(fmt.Sprintf("kubernetes.io/csi/%s^%s", pv.Spec.CSI.Driver, pv.Spec.CSI.VolumeHandle)), nil
}

// later turns "not found" into "not yet": the API server may not have noticed
// that the pod, and so its claim, is this node's.
func later(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return errWaiting
	}
	return err
}

// use says that the pod uses these volumes, once.
func (v *volumes) use(ctx context.Context, pod types.UID, names []corev1.UniqueVolumeName) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.held[pod] != nil {
		return nil
	}
	for _, name := range names {
		v.inUse[name]++
	}
	if err := v.publish(ctx); err != nil {
		for _, name := range names {
			v.release(name)
		}
		return err
	}
	v.held[pod] = names
	return nil
}

// unmount says that the pod uses no volume any more.
func (v *volumes) unmount(ctx context.Context, pod *corev1.Pod) {
	v.mu.Lock()
	names := v.held[pod.UID]
	delete(v.held, pod.UID)
	for _, name := range names {
		v.release(name)
	}
	v.mu.Unlock()
	if names == nil {
		return
	}
	v.kubelet.insist(ctx, func(ctx context.Context) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.publish(ctx)
	})
}

func (v *volumes) release(name corev1.UniqueVolumeName) {
	if v.inUse[name]--; v.inUse[name] <= 0 {
		delete(v.inUse, name)
	}
}

// publish writes the list of what is used. Callers hold the lock, so that an
// older list never follows a newer one.
func (v *volumes) publish(ctx context.Context) error {
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"volumesInUse": slices.Sorted(maps.Keys(v.inUse))}})
	if err != nil {
		return err
	}
	_, err = v.kubelet.client.CoreV1().Nodes().Patch(ctx, v.kubelet.settings.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}
