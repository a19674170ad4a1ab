package record

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// Entry is one record, without the plan.
type Entry struct {
	PlanID    string    `json:"plan"`
	DecidedAt time.Time `json:"decidedAt"`
	Result    string    `json:"result"`
	Summary   string    `json:"summary"`
}

// List names the records in a namespace, newest first; a record whose time
// cannot be read has the zero time.
func List(ctx context.Context, reader client.Reader, namespace string) ([]Entry, error) {
	store := &Store{Live: reader, Namespace: namespace}
	found, err := store.list(ctx)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(found))
	for i := range found {
		decidedAt, _ := time.Parse(timeFormat, found[i].Annotations[DecidedAtAnnotation])
		entries[i] = Entry{
			PlanID:    found[i].Labels[v1alpha1.PlanLabel],
			DecidedAt: decidedAt,
			Result:    found[i].Annotations[ResultAnnotation],
			Summary:   found[i].Annotations[SummaryAnnotation],
		}
	}
	return entries, nil
}
