package offerings

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
)

// labelValue reads a string that will be the value of a node label.
func (f field) labelValue() string {
	value := f.text()
	if problems := content.IsLabelValue(value); len(problems) > 0 {
		f.failf("%s cannot be the value of a node label: %s", shown(value), problems[0])
	}
	return value
}

// labels reads a map of node labels.
func (f field) labels() map[string]string {
	labels := make(map[string]string)
	for _, m := range f.entries("an object").members {
		if problems := content.IsLabelKey(m.key); len(problems) > 0 {
			m.value.failf("not a label key: %s", problems[0])
		}
		if m.value.empty() {
			labels[m.key] = ""
			continue
		}
		labels[m.key] = m.value.labelValue()
	}
	return labels
}

// extendedResources reads counts of extended resources, such as nvidia.com/gpu.
func (f field) extendedResources() map[string]int64 {
	counts := make(map[string]int64)
	for _, m := range f.entries("an object").members {
		if !isExtendedResource(m.key) {
			m.value.failf("not the name of an extended resource; want one like nvidia.com/gpu")
		}
		counts[m.key] = m.value.integer(1, mostExtended)
	}
	return counts
}

// isExtendedResource is the API server's rule: a domain that is not
// Kubernetes' own, no prefix "requests.", and a name that still is qualified
// with that prefix, because a quota would put it there.
func isExtendedResource(name string) bool {
	domain, _, qualified := strings.Cut(name, "/")
	return qualified &&
		domain != "kubernetes.io" && !strings.HasSuffix(domain, ".kubernetes.io") &&
		!strings.HasPrefix(name, v1.DefaultResourceRequestsPrefix) &&
		len(content.IsLabelKey(v1.DefaultResourceRequestsPrefix+name)) == 0
}
