package vpsienode

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// timeOf is the time, nil if there is none.
func timeOf(t *metav1.Time) *time.Time {
	if t == nil {
		return nil
	}
	return &t.Time
}
