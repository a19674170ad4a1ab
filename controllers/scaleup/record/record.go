package record

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

const (
	// namePrefix stands before the plan's ID in the ConfigMap's name.
	namePrefix = "vpsie-autoscaler-"
	// DataKey of binaryData holds the record: JSON, compressed with gzip.
	DataKey = "record.json.gz"
	// DecidedAtAnnotation is when the decision was made, in RFC 3339.
	DecidedAtAnnotation = "autoscaler.vpsie.com/decided-at"
	// ResultAnnotation is what became of the decision, one of the Results.
	ResultAnnotation = "autoscaler.vpsie.com/result"
	// SummaryAnnotation says in a line what was decided.
	SummaryAnnotation = "autoscaler.vpsie.com/summary"

	// timeFormat is RFC 3339 with a fixed length, so that text sorts as time does.
	timeFormat = "2006-01-02T15:04:05.000000Z07:00"
	// maxBytes of compressed record; a ConfigMap holds 1 MiB.
	maxBytes = 900 << 10
	// maxPlain bounds what a compressed record may expand to.
	maxPlain = 64 << 20
)

// Record is one decision as it was carried out.
type Record struct {
	DecidedAt time.Time `json:"decidedAt"`
	// Result is what became of the decision, as in the metric
	// vpsie_autoscaler_scaleup_decisions_total.
	Result string `json:"result"`
	// Summary says in a line what was decided.
	Summary string `json:"summary"`
	// HeldBack are machines of the plan that were not bought yet, because no pod of
	// theirs had waited for its NodeGroup's stabilizationWindow.
	HeldBack []string `json:"heldBack,omitempty"`
	// Notes say what the decision left out, one line each.
	Notes []string `json:"notes,omitempty"`
	// PodsDropped says that the names of pods were left out of the plan to keep
	// the record small enough.
	PodsDropped bool       `json:"podsDropped,omitempty"`
	Plan        *plan.Plan `json:"plan"`
}

// Name of the ConfigMap that holds a plan's record.
func Name(planID string) string { return namePrefix + planID }

// Encode makes the ConfigMap of a record. If it would be too big, pods are left
// out of it, which the record then says.
func Encode(r *Record, namespace string) (*v1.ConfigMap, error) {
	data, err := compress(r)
	if err == nil && len(data) > maxBytes {
		data, err = compress(withoutPods(r))
	}
	if err == nil && len(data) > maxBytes {
		err = fmt.Errorf("%d bytes are more than %d", len(data), maxBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("record of %s: %w", r.Plan.Metadata.ID, err)
	}
	return &v1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: Name(r.Plan.Metadata.ID), Namespace: namespace,
			Labels: map[string]string{v1alpha1.PlanLabel: r.Plan.Metadata.ID},
			Annotations: map[string]string{
				DecidedAtAnnotation: r.DecidedAt.UTC().Format(timeFormat),
				ResultAnnotation:    r.Result,
				SummaryAnnotation:   r.Summary,
			},
		},
		BinaryData: map[string][]byte{DataKey: data},
	}, nil
}

func compress(r *Record) ([]byte, error) {
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// withoutPods is the record without names of pods: machines, prices and bounds
// stay.
func withoutPods(r *Record) *Record {
	short, p := *r, *r.Plan
	short.PodsDropped, short.Plan = true, &p
	p.Add = append([]plan.Machine{}, p.Add...)
	for i := range p.Add {
		p.Add[i].Pods = []string{}
	}
	p.Existing, p.Unschedulable = []plan.ExistingNode{}, []plan.Unschedulable{}
	return &short
}

// ErrNoRecord says that a ConfigMap is not a plan's record.
var ErrNoRecord = errors.New("not a plan's record")

// Decode reads the record in a ConfigMap.
func Decode(from *v1.ConfigMap) (*Record, error) {
	data, ok := from.BinaryData[DataKey]
	if !ok {
		return nil, fmt.Errorf("ConfigMap %s/%s: %w: no %s", from.Namespace, from.Name, ErrNoRecord, DataKey)
	}
	r, err := expand(data)
	if err != nil {
		return nil, fmt.Errorf("ConfigMap %s/%s: %s: %w", from.Namespace, from.Name, DataKey, err)
	}
	return r, nil
}

func expand(data []byte) (*Record, error) {
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(reader, maxPlain+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxPlain {
		return nil, fmt.Errorf("expands to more than %d bytes", maxPlain)
	}
	r := &Record{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, err
	}
	if r.Plan == nil || !strings.HasPrefix(r.Plan.Metadata.ID, "plan-") {
		return nil, ErrNoRecord
	}
	return r, nil
}
