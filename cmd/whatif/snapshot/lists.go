package snapshot

import (
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// object is what every API type is.
type object interface {
	runtime.Object
	metav1.Object
}

// list is one field of Objects, a slice of pointers to API objects.
type list struct{ value reflect.Value }

// lists are the fields of Objects, so that a kind that is added there is not
// forgotten here.
func lists(objects *simulator.Objects) []list {
	fields := reflect.ValueOf(objects).Elem()
	all := make([]list, fields.NumField())
	for i := range all {
		all[i] = list{fields.Field(i)}
	}
	return all
}

func (l list) each(yield func(object) bool) {
	for i := range l.value.Len() {
		if !yield(l.value.Index(i).Interface().(object)) {
			return
		}
	}
}
