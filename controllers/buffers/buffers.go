package buffers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/nodegroup"
)

const (
	group = "autoscaling.x-k8s.io"
	// maxCopies of one buffer are planned for; more are a mistake or another's job.
	maxCopies = 1000
)

// versions that are understood, newest first. The fields read are the same in all.
var versions = []string{"v1", "v1beta1", "v1alpha1"}

// strategies that ask for room to be there; others are for other controllers. The
// default's name lost its prefix in v1.
var strategies = []string{"", "active-capacity", "buffer.x-k8s.io/active-capacity"}

// Options of New. Reader has no default.
type Options struct {
	// Reader reads past any cache, so that no watch depends on an API that may
	// come and go.
	Reader client.Reader
	// Interval between readings. Default 30 s.
	Interval time.Duration
	// Clock defaults to the real one.
	Clock clock.WithTicker
	// Logger gets what could not be read. The zero Logger logs nothing.
	Logger logr.Logger
}

// Buffers are the cluster's, as last read. It is safe for concurrent use.
type Buffers struct {
	options Options
	pods    atomic.Pointer[[]*corev1.Pod]
}

// New makes Buffers that ask for nothing until they were read.
func New(options Options) (*Buffers, error) {
	if options.Reader == nil {
		return nil, errors.New("buffers: Options.Reader is missing")
	}
	if options.Interval == 0 {
		options.Interval = 30 * time.Second
	}
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	return &Buffers{options: options}, nil
}

// Pods stand for the room that buffers ask for, ordered by namespace, buffer and
// number. The slice is the caller's, the pods are shared and must not be changed.
func (b *Buffers) Pods() []*corev1.Pod {
	if pods := b.pods.Load(); pods != nil {
		return slices.Clone(*pods)
	}
	return nil
}

// Start reads the buffers every Interval until ctx ends.
func (b *Buffers) Start(ctx context.Context) error {
	ticker := b.options.Clock.NewTicker(b.options.Interval)
	defer ticker.Stop()
	for {
		if err := b.Read(ctx); err != nil && ctx.Err() == nil {
			b.options.Logger.Error(err, "CapacityBuffers cannot be read; the last ones stand")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

// NeedLeaderElection is true: only the leader plans.
func (b *Buffers) NeedLeaderElection() bool { return true }

// Read reads the buffers once. A cluster without that API has none; an error
// leaves the last ones.
func (b *Buffers) Read(ctx context.Context) error {
	list, err := b.list(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(x, y unstructured.Unstructured) int {
		return cmp.Or(cmp.Compare(x.GetNamespace(), y.GetNamespace()), cmp.Compare(x.GetName(), y.GetName()))
	})
	var pods []*corev1.Pod
	for i := range list {
		copies, err := b.copies(ctx, &list[i])
		if err != nil && !isMistake(err) {
			return err
		} else if err != nil {
			b.options.Logger.Info("a CapacityBuffer asks for nothing", "namespace", list[i].GetNamespace(), "name", list[i].GetName(), "why", err.Error())
		}
		pods = append(pods, copies...)
	}
	b.pods.Store(&pods)
	return nil
}

// list tries the versions until one is served.
func (b *Buffers) list(ctx context.Context) ([]unstructured.Unstructured, error) {
	for _, version := range versions {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: version, Kind: "CapacityBufferList"})
		err := b.options.Reader.List(ctx, list)
		if err == nil {
			return list.Items, nil
		}
		if !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("list CapacityBuffers: %w", err)
		}
	}
	return nil, nil
}

// mistake is what is wrong with a buffer, as opposed to with reading it.
type mistake string

func (m mistake) Error() string { return string(m) }

func isMistake(err error) bool {
	var m mistake
	return errors.As(err, &m)
}

// spec is what is read of a CapacityBuffer.
type spec struct {
	ProvisioningStrategy string              `json:"provisioningStrategy"`
	PodTemplateRef       *reference          `json:"podTemplateRef"`
	ScalableRef          *reference          `json:"scalableRef"`
	Replicas             *int32              `json:"replicas"`
	Percentage           *int32              `json:"percentage"`
	Limits               corev1.ResourceList `json:"limits"`
}

type reference struct {
	APIGroup string `json:"apiGroup"`
	Kind     string `json:"kind"`
	Name     string `json:"name"`
}

// copies are the pods of one buffer.
func (b *Buffers) copies(ctx context.Context, buffer *unstructured.Unstructured) ([]*corev1.Pod, error) {
	var parsed struct {
		Spec spec `json:"spec"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(buffer.Object, &parsed); err != nil {
		return nil, mistake(err.Error())
	}
	s := &parsed.Spec
	if buffer.GetDeletionTimestamp() != nil || !slices.Contains(strategies, s.ProvisioningStrategy) {
		return nil, nil
	}
	template, scale, err := b.template(ctx, buffer.GetNamespace(), s)
	if err != nil {
		return nil, err
	}
	count, err := s.count(template, scale)
	if err != nil {
		return nil, err
	}
	pods := make([]*corev1.Pod, 0, count)
	for i := range count {
		pods = append(pods, nodegroup.VirtualPod(buffer.GetNamespace(), fmt.Sprintf("%s-%d", buffer.GetName(), i), "buffer", template))
	}
	return pods, nil
}
