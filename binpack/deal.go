package binpack

import (
	"slices"

	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/vector"
)

// dealer hands the pods of the lots out to machines, each part's in queue
// order, so that every machine keeps the loose caps.
type dealer struct {
	b *problemBuilder
	// next is the first pod of each part that is not dealt.
	next []int
	// caps lists, per part, the loose caps that count it.
	caps  [][]int
	hands []*hand
}

// hand is what one machine of the solution gets.
type hand struct {
	// parts and pods belong together; held counts pods per loose cap.
	parts []int
	pods  []*v1.Pod
	held  map[int]int
	// open are the lots that the machine has room for and got no pod of, once
	// per pod.
	open []int
}

func (b *problemBuilder) newDealer() *dealer {
	d := &dealer{b: b, next: make([]int, len(b.parts)), caps: make([][]int, len(b.parts))}
	for c := range b.loose {
		for _, i := range b.loose[c].Classes {
			d.caps[i] = append(d.caps[i], c)
		}
	}
	return d
}

// deal fills the machines of a solution, one hand each.
func (d *dealer) deal(bins []vector.UsedBin) []*hand {
	for i := range bins {
		d.hands = append(d.hands, d.fill(bins[i].Items))
	}
	for _, h := range d.hands {
		for _, lot := range h.open {
			d.swapIn(h, lot)
		}
	}
	return d.hands
}

func (d *dealer) fill(items []vector.ClassCount) *hand {
	h := &hand{held: map[int]int{}}
	for _, item := range items {
		members := d.b.lots[item.Class]
		if d.b.bundled[members[0]] {
			d.take(h, members[0], len(d.b.parts[members[0]].pods))
			continue
		}
		for left := item.Count; left > 0; {
			i := d.choose(members, h)
			if i == none {
				for ; left > 0; left-- {
					h.open = append(h.open, item.Class)
				}
				break
			}
			n := 1
			if len(d.caps[i]) == 0 {
				n = min(left, len(d.b.parts[i].pods)-d.next[i])
			}
			d.take(h, i, n)
			left -= n
		}
	}
	return h
}

// choose picks the part of a lot with the most pods to go that the machine's
// caps allow, or the first with any where no cap counts it.
func (d *dealer) choose(members []int, h *hand) int {
	best, most := none, 0
	for _, i := range members {
		left := len(d.b.parts[i].pods) - d.next[i]
		if left <= most || !d.allows(h, i) {
			continue
		}
		if len(d.caps[i]) == 0 {
			return i
		}
		best, most = i, left
	}
	return best
}

func (d *dealer) allows(h *hand, part int) bool {
	return !slices.ContainsFunc(d.caps[part], func(c int) bool { return h.held[c] >= d.b.loose[c].Max })
}

// swapIn fills an open place: with a pod that another machine holds in the
// same lot, whose place there a pod that is not dealt can take.
func (d *dealer) swapIn(h *hand, lot int) {
	for _, waiting := range d.b.lots[lot] {
		if d.next[waiting] == len(d.b.parts[waiting].pods) {
			continue
		}
		for _, other := range d.hands {
			for at, part := range other.parts {
				if !slices.Contains(d.b.lots[lot], part) || !d.allows(h, part) {
					continue
				}
				d.count(other, part, -1)
				if !d.allows(other, waiting) {
					d.count(other, part, 1)
					continue
				}
				d.count(h, part, 1)
				h.parts, h.pods = append(h.parts, part), append(h.pods, other.pods[at])
				d.count(other, waiting, 1)
				other.parts[at], other.pods[at] = waiting, d.b.parts[waiting].pods[d.next[waiting]]
				d.next[waiting]++
				return
			}
		}
	}
}

func (d *dealer) count(h *hand, part, n int) {
	for _, c := range d.caps[part] {
		h.held[c] += n
	}
}

func (d *dealer) take(h *hand, part, n int) {
	for _, pod := range d.b.parts[part].pods[d.next[part]:][:n] {
		h.parts, h.pods = append(h.parts, part), append(h.pods, pod)
		d.count(h, part, 1)
		d.next[part]++
	}
}

// rest are the pods that were not dealt: of lots that the packing could not
// place whole, and of lots that it could.
func (d *dealer) rest(unplaced []int) (pods []*v1.Pod, undealt []part) {
	for n, members := range d.b.lots {
		for _, i := range members {
			left := d.b.parts[i].pods[d.next[i]:]
			switch {
			case len(left) == 0:
			case unplaced[n] > 0:
				pods = append(pods, left...)
			default:
				undealt = append(undealt, part{class: d.b.parts[i].class, cell: d.b.parts[i].cell, pods: left})
			}
		}
	}
	return pods, undealt
}
