package v1alpha1

import (
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Matches says whether an offering with these resources, as sold, and these
// node labels meets the requirement. A key among the resources is compared as
// a quantity (4 equals 4000m), and a resource of zero is absent; any other key
// is a label. As in a node selector, NotIn holds for an absent key, and Gt and
// Lt do not. A value that is no quantity where one is needed matches nothing.
func (r Requirement) Matches(resources corev1.ResourceList, labels map[string]string) bool {
	quantity, isResource := resources[corev1.ResourceName(r.Key)]
	label, isLabel := labels[r.Key]
	exists := isLabel
	if isResource {
		exists = !quantity.IsZero()
	}
	switch r.Operator {
	case corev1.NodeSelectorOpExists:
		return exists
	case corev1.NodeSelectorOpDoesNotExist:
		return !exists
	case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
		in := exists && slices.ContainsFunc(r.Values, func(value string) bool {
			if !isResource {
				return value == label
			}
			wanted, ok := parseQuantity(value)
			return ok && quantity.Cmp(wanted) == 0
		})
		return in == (r.Operator == corev1.NodeSelectorOpIn)
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		if !exists || len(r.Values) != 1 {
			return false
		}
		bound, ok := parseQuantity(r.Values[0])
		if !isResource && ok {
			quantity, ok = parseQuantity(label)
		}
		if !ok {
			return false
		}
		if r.Operator == corev1.NodeSelectorOpGt {
			return quantity.Cmp(bound) > 0
		}
		return quantity.Cmp(bound) < 0
	default:
		return false
	}
}

// quantityPattern is that of the CRD's rules. It excludes exponents, because
// the library writes 1e99999999 out in full, which takes minutes.
var quantityPattern = regexp.MustCompile(`^-?[0-9.]{1,20}([KMGTPE]i|[mkMGTPE])?$`)

func parseQuantity(text string) (resource.Quantity, bool) {
	if !quantityPattern.MatchString(text) {
		return resource.Quantity{}, false
	}
	quantity, err := resource.ParseQuantity(text)
	return quantity, err == nil
}
