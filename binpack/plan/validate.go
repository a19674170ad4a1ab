package plan

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// priceTolerance is how far two sums of the same prices may be apart, relative
// to the sum: prices are added in different orders.
const priceTolerance = 1e-9

var (
	hashPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	gatePattern = regexp.MustCompile(`^[A-Za-z0-9]+=(true|false)$`)
	// methods of a lower bound.
	methods = []string{"columnGeneration", "resourceSum"}
)

// Validate checks what every plan promises: lists are sorted, free of
// repetitions and never nil, each pending pod is in exactly one of add, existing
// and unschedulable, prices add up, the bound is one, and the ID follows from the
// inputs. The error names the field.
func Validate(p *Plan) error {
	v := &validation{pods: map[string]string{}, nodes: map[string]string{}}
	v.head(p)
	v.add(p)
	v.remove(p)
	v.existing(p)
	v.unschedulable(p)
	v.prices(p)
	for i, a := range p.Alternatives {
		at := fmt.Sprintf("alternatives[%d]", i)
		v.check(a.Summary != "", at+".summary", "is empty")
		v.price(at+".pricePerHour", a.PricePerHour)
	}
	v.check(p.Alternatives != nil, "alternatives", "is null: want a list")
	v.check(p.Stats.Pods == v.pending, "stats.pods", fmt.Sprintf("is %d, but %d pods are in the lists", p.Stats.Pods, v.pending))
	v.check(min(p.Stats.Classes, p.Stats.Templates, p.Stats.FilterCalls) >= 0, "stats", "counts must not be negative")
	return v.first
}

// validation keeps the first mistake.
type validation struct {
	first error
	// pods and nodes hold where each was seen first.
	pods, nodes map[string]string
	pending     int
}

func (v *validation) check(ok bool, field, problem string) {
	if !ok && v.first == nil {
		v.first = errors.New(field + ": " + problem)
	}
}

func (v *validation) price(field string, price float64) {
	v.check(price >= 0 && !math.IsInf(price, 0), field, fmt.Sprintf("is %v: want a price", price))
}

// list checks that the names of a list are sorted and that none is there twice.
func (v *validation) list(field string, isNil bool, names []string) {
	v.check(!isNil, field, "is null: want a list")
	for i := 1; i < len(names); i++ {
		v.check(names[i-1] != names[i], field, fmt.Sprintf("has %q twice", names[i]))
		v.check(names[i-1] < names[i], field, fmt.Sprintf("is not sorted: %q before %q", names[i-1], names[i]))
	}
}

// pod takes note of a pending pod.
func (v *validation) pod(field, name string) {
	v.pending++
	namespace, rest, ok := strings.Cut(name, "/")
	v.check(ok && namespace != "" && rest != "" && !strings.Contains(rest, "/"), field, fmt.Sprintf("%q is not namespace/name", name))
	first, again := v.pods[name]
	v.check(!again, field, fmt.Sprintf("pod %s is in %s already", name, first))
	v.pods[name] = field
}

// node takes note of a node that may be in one of the lists.
func (v *validation) node(field, name string) {
	v.check(name != "", field, "has no name")
	first, again := v.nodes[name]
	v.check(!again, field, fmt.Sprintf("node %s is in %s already", name, first))
	v.nodes[name] = field
}

func (v *validation) pendingPods(field string, pods []string) {
	v.list(field, pods == nil, pods)
	for i, pod := range pods {
		v.pod(fmt.Sprintf("%s[%d]", field, i), pod)
	}
}

func (v *validation) head(p *Plan) {
	v.check(p.APIVersion == APIVersion, "apiVersion", fmt.Sprintf("is %q: want %s", p.APIVersion, APIVersion))
	v.check(p.Kind == Kind, "kind", fmt.Sprintf("is %q: want %s", p.Kind, Kind))
	inputs := p.Metadata.Inputs
	for _, input := range []struct{ name, hash string }{
		{"snapshot", inputs.Snapshot}, {"catalog", inputs.Catalog}, {"schedulerConfig", inputs.SchedulerConfig},
	} {
		v.check(hashPattern.MatchString(input.hash), "metadata.inputs."+input.name, fmt.Sprintf("%q is not the SHA-256 of anything", input.hash))
	}
	v.list("metadata.inputs.featureGates", inputs.FeatureGates == nil, inputs.FeatureGates)
	for _, gate := range inputs.FeatureGates {
		v.check(gatePattern.MatchString(gate), "metadata.inputs.featureGates", fmt.Sprintf("%q is not Name=true or Name=false", gate))
	}
	v.check(p.Metadata.ID == ID(inputs), "metadata.id", fmt.Sprintf("is %q, but the inputs make it %s", p.Metadata.ID, ID(inputs)))
	placements := []Placement{PlacementNominated, PlacementScoreOrder, PlacementNotHeld}
	v.check(slices.Contains(placements, p.Placement), "placement", fmt.Sprintf("%q is none of %v", p.Placement, placements))
}

func (v *validation) add(p *Plan) {
	names := make([]string, len(p.Add))
	for i := range p.Add {
		m := &p.Add[i]
		at := fmt.Sprintf("add[%d]", i)
		names[i] = m.Name
		v.node(at, m.Name)
		for _, f := range []struct{ name, value string }{
			{"nodeGroup", m.NodeGroup}, {"offering", m.Offering}, {"datacenter", m.Datacenter}, {"zone", m.Zone},
		} {
			v.check(f.value != "", at+"."+f.name, "is empty")
		}
		v.price(at+".pricePerHour", m.PricePerHour)
		v.pendingPods(at+".pods", m.Pods)
	}
	v.list("add", p.Add == nil, names)
}

func (v *validation) remove(p *Plan) {
	names := make([]string, len(p.Remove))
	moved := map[string]bool{}
	for i := range p.Remove {
		r := &p.Remove[i]
		at := fmt.Sprintf("remove[%d]", i)
		names[i] = r.Name
		v.node(at, r.Name)
		v.check(r.Reason != "", at+".reason", "is empty")
		v.price(at+".pricePerHour", r.PricePerHour)
		pods := make([]string, len(r.Pods))
		for j, move := range r.Pods {
			pods[j] = move.Pod
			v.check(!moved[move.Pod], at+".pods", fmt.Sprintf("pod %s moves twice", move.Pod))
			v.check(move.To != "" && move.To != r.Name, at+".pods", fmt.Sprintf("pod %s moves to %q", move.Pod, move.To))
			moved[move.Pod] = true
		}
		v.list(at+".pods", r.Pods == nil, pods)
	}
	v.list("remove", p.Remove == nil, names)
}

func (v *validation) existing(p *Plan) {
	names := make([]string, len(p.Existing))
	for i := range p.Existing {
		at := fmt.Sprintf("existing[%d]", i)
		names[i] = p.Existing[i].Name
		v.node(at, names[i])
		v.check(len(p.Existing[i].Pods) > 0, at+".pods", "is empty: only nodes that take pods are listed")
		v.pendingPods(at+".pods", p.Existing[i].Pods)
	}
	v.list("existing", p.Existing == nil, names)
}

func (v *validation) unschedulable(p *Plan) {
	names := make([]string, len(p.Unschedulable))
	for i := range p.Unschedulable {
		u := &p.Unschedulable[i]
		at := fmt.Sprintf("unschedulable[%d]", i)
		names[i] = u.Pod
		v.pod(at+".pod", u.Pod)
		v.check(u.Summary != "", at+".summary", "is empty")
		v.check(len(u.Reasons) > 0, at+".reasons", "is empty: a pod without a place has a reason")
		for j, r := range u.Reasons {
			v.check(r.Template != "" && r.Plugin != "" && r.Message != "", fmt.Sprintf("%s.reasons[%d]", at, j), "has an empty field")
		}
		sorted := slices.IsSortedFunc(u.Reasons, func(a, b Reason) int {
			return slices.Compare([]string{a.Template, a.Plugin, a.Message}, []string{b.Template, b.Plugin, b.Message})
		})
		v.check(sorted, at+".reasons", "is not sorted by template, plugin and message")
	}
	v.list("unschedulable", p.Unschedulable == nil, names)
}

func (v *validation) prices(p *Plan) {
	price, bound := p.PricePerHour, p.LowerBound
	var added, removed float64
	for i := range p.Add {
		added += p.Add[i].PricePerHour
	}
	for i := range p.Remove {
		removed += p.Remove[i].PricePerHour
	}
	v.price("pricePerHour.before", price.Before)
	v.price("pricePerHour.after", price.After)
	v.sum("pricePerHour.added", price.Added, added)
	v.sum("pricePerHour.removed", price.Removed, removed)
	v.sum("pricePerHour.after", price.After, price.Before+price.Added-price.Removed)

	v.price("lowerBound.pricePerHour", bound.PricePerHour)
	v.check(slices.Contains(methods, bound.Method), "lowerBound.method", fmt.Sprintf("%q is none of %v", bound.Method, methods))
	v.check(bound.PricePerHour <= added*(1+priceTolerance), "lowerBound.pricePerHour",
		fmt.Sprintf("%v is above what the plan buys for %v", bound.PricePerHour, added))
	gap := 0.0
	if bound.PricePerHour > 0 {
		gap = price.Added/bound.PricePerHour - 1
	}
	v.check(math.Abs(bound.Gap-gap) <= priceTolerance*(1+gap), "lowerBound.gap", fmt.Sprintf("is %v: want %v", bound.Gap, gap))
}

// sum checks a price against what it should add up to.
func (v *validation) sum(field string, stated, summed float64) {
	v.check(math.Abs(stated-summed) <= priceTolerance*math.Max(1, math.Abs(summed)), field,
		fmt.Sprintf("is %v, but the sum is %v", stated, summed))
}
