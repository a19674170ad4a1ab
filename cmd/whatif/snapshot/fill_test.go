package snapshot

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// mark begins every text of a filled cluster; what follows is where it stands.
const mark = "secret:"

// filled is a cluster with one object of each kind and something in every field
// of it, so that whatever is captured can be traced to its field.
func filled() (*simulator.Objects, []*v1alpha1.NodeGroup) {
	objects := &simulator.Objects{}
	lists := reflect.ValueOf(objects).Elem()
	for i := range lists.NumField() {
		list := lists.Field(i)
		list.Set(reflect.MakeSlice(list.Type(), 1, 1))
		fill(list.Index(0), list.Type().Elem().Elem().Name())
	}
	group := &v1alpha1.NodeGroup{}
	fill(reflect.ValueOf(group).Elem(), "NodeGroup")
	return objects, []*v1alpha1.NodeGroup{group}
}

func fill(v reflect.Value, path string) {
	switch special := v.Addr().Interface().(type) {
	case *metav1.Time:
		*special = metav1.NewTime(time.Date(2020, 2, 2, 0, 0, 0, 0, time.UTC))
		return
	case *resource.Quantity:
		*special = resource.MustParse("1")
		return
	case *metav1.TypeMeta:
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(fmt.Sprintf("%q", mark+path)))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, path+".KEY")
		fill(value, path+".VALUE")
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(mark + path)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	}
}

// traces are the places that texts in v come from.
func traces(v reflect.Value, found map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			traces(v.Elem(), found)
		}
	case reflect.Struct:
		if leaves[v.Type()] {
			return
		}
		for i := range v.NumField() {
			traces(v.Field(i), found)
		}
	case reflect.Slice:
		for i := range v.Len() {
			traces(v.Index(i), found)
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			traces(entries.Key(), found)
			traces(entries.Value(), found)
		}
	case reflect.String:
		if _, path, ok := strings.Cut(v.String(), mark); ok {
			found[path] = true
		}
	}
}

func tracesOf(s *Snapshot) map[string]bool {
	found := map[string]bool{}
	traces(reflect.ValueOf(&s.Objects), found)
	traces(reflect.ValueOf(s.NodeGroups), found)
	return found
}
