package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// Keep is how many records are kept.
const Keep = 10

// Store keeps records in a namespace.
type Store struct {
	// Client writes; Live reads from the API server itself.
	Client    client.Writer
	Live      client.Reader
	Namespace string
}

// Write stores the record, over an older one of the same plan, and deletes the
// oldest beyond Keep.
func (s *Store) Write(ctx context.Context, r *Record) error {
	document, err := Encode(r, s.Namespace)
	if err != nil {
		return err
	}
	err = s.Client.Create(ctx, document)
	if apierrors.IsAlreadyExists(err) {
		document.ResourceVersion = ""
		err = s.Client.Update(ctx, document)
	}
	if err != nil {
		return fmt.Errorf("ConfigMap %s/%s: %w", document.Namespace, document.Name, err)
	}
	return s.prune(ctx)
}

func (s *Store) prune(ctx context.Context) error {
	list, err := s.list(ctx)
	if err != nil || len(list) <= Keep {
		return err
	}
	var failed []error
	for i := range list[Keep:] {
		old := &list[Keep+i]
		err := s.Client.Delete(ctx, &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: old.Namespace, Name: old.Name}})
		failed = append(failed, client.IgnoreNotFound(err))
	}
	return errors.Join(failed...)
}

// list names the records there are, newest first.
func (s *Store) list(ctx context.Context) ([]metav1.PartialObjectMetadata, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1.SchemeGroupVersion.WithKind("ConfigMapList"))
	if err := s.Live.List(ctx, list, client.InNamespace(s.Namespace), client.HasLabels{v1alpha1.PlanLabel}); err != nil {
		return nil, fmt.Errorf("ConfigMaps in %s: %w", s.Namespace, err)
	}
	// Others may have such a label too, and theirs is not ours to delete.
	records := slices.DeleteFunc(list.Items, func(m metav1.PartialObjectMetadata) bool {
		return m.Name != Name(m.Labels[v1alpha1.PlanLabel]) || m.Annotations[DecidedAtAnnotation] == ""
	})
	slices.SortFunc(records, func(a, b metav1.PartialObjectMetadata) int {
		if c := strings.Compare(b.Annotations[DecidedAtAnnotation], a.Annotations[DecidedAtAnnotation]); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return records, nil
}

// Read returns the record of a plan, or the newest one if planID is "". The
// error of one that is not there is ErrNoRecord.
func Read(ctx context.Context, reader client.Reader, namespace, planID string) (*Record, error) {
	if planID == "" {
		store := &Store{Live: reader, Namespace: namespace}
		list, err := store.list(ctx)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("namespace %s: %w: there is none", namespace, ErrNoRecord)
		}
		planID = list[0].Labels[v1alpha1.PlanLabel]
	}
	document := &v1.ConfigMap{}
	err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: Name(planID)}, document)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("plan %s in namespace %s: %w: there is none", planID, namespace, ErrNoRecord)
	} else if err != nil {
		return nil, err
	}
	return Decode(document)
}
