package binpack

import (
	"slices"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/vector"
)

// lot is a set of parts that are alike to the packing: one class there.
type lot []int

// boundLoose keeps two thirds of the sum of the loose caps: a machine may hold
// so many of their pods that dealing still has a choice.
func (b *problemBuilder) boundLoose() {
	if len(b.loose) == 0 {
		return
	}
	sum := vector.Cap{}
	seen := map[int]bool{}
	for _, c := range b.loose {
		sum.Max += c.Max
		for _, i := range c.Classes {
			if !seen[i] {
				seen[i] = true
				sum.Classes = append(sum.Classes, i)
			}
		}
	}
	sum.Max = max(1, sum.Max*2/3)
	slices.Sort(sum.Classes)
	b.problem.Caps = append(b.problem.Caps, sum)
	b.caps = append(b.caps, hostCap{matcher: noMatcher})
}

// findLots restates the problem, which so far has a class per part, with a
// class per lot. Parts are alike when they have one size, fit the same
// machines and are counted by the same caps. Parts in conflicts and
// requirements stay alone.
func (b *problemBuilder) findLots() {
	p := b.problem
	alone := make([]bool, len(b.parts))
	for _, pair := range p.Conflicts {
		alone[pair[0]], alone[pair[1]] = true, true
	}
	for _, r := range p.Requires {
		alone[r.Class] = true
		for _, i := range r.AnyOf {
			alone[i] = true
		}
	}
	counted := make([][]int64, len(b.parts))
	for c := range p.Caps {
		for _, i := range p.Caps[c].Classes {
			counted[i] = append(counted[i], int64(c))
		}
	}
	byKey := map[string]int{}
	lotOf := make([]int, len(b.parts))
	for i := range b.parts {
		var w keyWriter
		w.quantities(p.Classes[i].Size)
		w.section('c')
		w.quantities(counted[i])
		if alone[i] || b.bundled[i] {
			w.section('!')
			w.number(int64(i))
		}
		w.section('f')
		for j := range p.Bins {
			w.buffer = append(w.buffer, '0'+byte(count(p.Bins[j].Fits[i])))
		}
		n, ok := byKey[string(w.buffer)]
		if !ok {
			n = len(b.lots)
			byKey[string(w.buffer)] = n
			b.lots = append(b.lots, nil)
		}
		b.lots[n] = append(b.lots[n], i)
		lotOf[i] = n
	}
	b.restate(lotOf)
}

func (b *problemBuilder) restate(lotOf []int) {
	p := b.problem
	classes := make([]vector.Class, len(b.lots))
	for n, members := range b.lots {
		classes[n].Size = p.Classes[members[0]].Size
		for _, i := range members {
			classes[n].Demand += p.Classes[i].Demand
		}
	}
	p.Classes = classes
	for j := range p.Bins {
		fits := make([]bool, len(b.lots))
		for n, members := range b.lots {
			fits[n] = p.Bins[j].Fits[members[0]]
		}
		p.Bins[j].Fits = fits
	}
	renumber := func(parts []int) []int {
		var lots []int
		seen := map[int]bool{}
		for _, i := range parts {
			if n := lotOf[i]; !seen[n] {
				seen[n] = true
				lots = append(lots, n)
			}
		}
		return lots
	}
	for c := range p.Caps {
		p.Caps[c].Classes = renumber(p.Caps[c].Classes)
	}
	for c := range p.Conflicts {
		p.Conflicts[c] = [2]int{lotOf[p.Conflicts[c][0]], lotOf[p.Conflicts[c][1]]}
	}
	for r := range p.Requires {
		p.Requires[r] = vector.Requirement{Class: lotOf[p.Requires[r].Class], AnyOf: renumber(p.Requires[r].AnyOf)}
	}
}
