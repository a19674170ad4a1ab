package binpack

import (
	"sort"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

// fold writes equal reasons of many templates as one: "*" when all templates
// share it, "*/nodegroup/*" when all of a NodeGroup do, "offering/nodegroup/*"
// when all datacenters of an offering do.
type fold struct {
	kinds []*kind
	// size counts the templates under each pattern.
	size map[string]int
	said map[plan.Reason][]int
}

func newFold(kinds []*kind) *fold {
	f := &fold{kinds: kinds, size: map[string]int{}, said: map[plan.Reason][]int{}}
	for i := range kinds {
		for _, pattern := range f.patterns(i) {
			f.size[pattern]++
		}
	}
	return f
}

// patterns that a template falls under, widest first.
func (f *fold) patterns(i int) []string {
	k := f.kinds[i]
	return []string{anyTemplate, "*/" + k.NodeGroup.Name + "/*", k.Offering.Name + "/" + k.NodeGroup.Name + "/*", k.Name}
}

func (f *fold) add(i int, plugin, message string) {
	key := plan.Reason{Plugin: plugin, Message: message}
	f.said[key] = append(f.said[key], i)
}

func (f *fold) reasons() []plan.Reason {
	var list []plan.Reason
	for reason, templates := range f.said {
		covered := map[string]int{}
		for _, i := range templates {
			for _, pattern := range f.patterns(i) {
				covered[pattern]++
			}
		}
		written := map[string]bool{}
		for _, i := range templates {
			for _, pattern := range f.patterns(i) {
				if covered[pattern] == f.size[pattern] {
					if !written[pattern] {
						written[pattern] = true
						list = append(list, plan.Reason{Template: pattern, Plugin: reason.Plugin, Message: reason.Message})
					}
					break
				}
			}
		}
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.Template != b.Template {
			return a.Template < b.Template
		}
		if a.Plugin != b.Plugin {
			return a.Plugin < b.Plugin
		}
		return a.Message < b.Message
	})
	return list
}
