package snapshot

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/storage/ephemeral"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// pseudoEpoch is when the first pod of an anonymised cluster was created.
var pseudoEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Anonymize replaces every name in the snapshot by a pseudonym, a hash keyed
// with key, which has MinKeyBytes or more and is not kept. words are label keys
// and resource names that stay, with their values, because a catalogue states them.
//
// What refers to each other still does. Pods queue in the same order, by times
// made up for it, and nodes and NodeGroups sort as before; the order of other
// names is lost.
func (s *Snapshot) Anonymize(key []byte, words []string) error {
	if len(key) < MinKeyBytes {
		return fmt.Errorf("a key of %d bytes: needs %d or more", len(key), MinKeyBytes)
	}
	p := &pseudonyms{
		key:     key,
		words:   map[string]bool{},
		numbers: map[string]bool{},
		ordered: map[string]string{},
		claims:  map[types.NamespacedName]string{},
		known:   map[string]string{},
	}
	for _, word := range words {
		p.words[word] = true
	}
	p.inOrder("node-", s.nodeNames())
	p.inOrder("group-", s.groupNames())
	s.queueByTime()
	a := &anonymizer{pseudonyms: p}
	groups := reflect.ValueOf(&s.NodeGroups).Elem()
	p.findNumbers(reflect.ValueOf(&s.Objects).Elem())
	p.findNumbers(groups)
	s.nameEphemeralClaims(p)
	a.part(groups)
	for _, list := range lists(&s.Objects) {
		for o := range list.each {
			a.object(o)
		}
	}
	s.sort()
	s.Metadata.Anonymized = true
	return nil
}

func (s *Snapshot) nodeNames() []string {
	names := make([]string, len(s.Objects.Nodes))
	for i, node := range s.Objects.Nodes {
		names[i] = node.Name
	}
	slices.Sort(names)
	return names
}

func (s *Snapshot) groupNames() []string {
	names := make([]string, len(s.NodeGroups))
	for i, group := range s.NodeGroups {
		names[i] = group.Name
	}
	slices.Sort(names)
	return names
}

// queueByTime gives pods times of creation that keep kube-scheduler's queue in
// order: of equal priority it takes the older first, and a simulator takes those
// of the same second by name, which will not sort as it does now.
func (s *Snapshot) queueByTime() {
	pods := slices.Clone(s.Objects.Pods)
	slices.SortStableFunc(pods, func(a, b *v1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for i, pod := range pods {
		pod.CreationTimestamp = metav1.NewTime(pseudoEpoch.Add(time.Duration(i) * time.Second))
	}
}

// nameEphemeralClaims names the claims of ephemeral volumes as the ephemeral
// volume controller would for the pods' new names.
func (s *Snapshot) nameEphemeralClaims(p *pseudonyms) {
	for _, pod := range s.Objects.Pods {
		for i := range pod.Spec.Volumes {
			if source := &pod.Spec.Volumes[i]; source.Ephemeral != nil {
				name := ephemeral.VolumeClaimName(pod, source)
				p.claims[types.NamespacedName{Namespace: pod.Namespace, Name: name}] = p.name(pod.Name) + "-" + p.name(source.Name)
			}
		}
	}
}

// findNumbers finds the label keys whose values something in v compares as numbers.
func (p *pseudonyms) findNumbers(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			p.findNumbers(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			p.findNumbers(v.Index(i))
		}
	case reflect.Struct:
		switch part := v.Addr().Interface().(type) {
		case *v1.NodeSelectorRequirement:
			if part.Operator == v1.NodeSelectorOpGt || part.Operator == v1.NodeSelectorOpLt {
				p.numbers[part.Key] = true
			}
		case *v1alpha1.Requirement:
			if part.Operator == v1.NodeSelectorOpGt || part.Operator == v1.NodeSelectorOpLt {
				p.numbers[part.Key] = true
			}
		case *v1.Toleration:
			if part.Operator == v1.TolerationOpGt || part.Operator == v1.TolerationOpLt {
				p.numbers[part.Key] = true
			}
		default:
			if leaves[v.Type()] {
				return
			}
			for i := range v.NumField() {
				p.findNumbers(v.Field(i))
			}
		}
	}
}
