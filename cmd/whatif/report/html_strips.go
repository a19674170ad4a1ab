package report

import (
	"fmt"
	"math"
	"slices"
)

// strip is all nodes side by side, in a drawing of stripWidth by stripHeight.
type strip struct {
	Name, Price, Nodes, Label string
	Tiles                     []tile
}

// tile is one node: as wide as its price, filled from the bottom.
type tile struct {
	Title               string
	X, Width            float64
	TodayY, Today       float64
	IncomingY, Incoming float64
}

const (
	stripWidth, stripHeight = 1000.0, 100.0
	// stripGap separates tiles that are much wider than it.
	stripGap, gapFrom = 1.0, 5.0
)

// strips draw the nodes before and after on one scale of prices.
func (v *viewer) strips() []strip {
	price := v.plan.PricePerHour
	nodes := slices.Clone(v.today)
	for _, p := range v.picture.purchases() {
		nodes = append(nodes, p.nodes...)
	}
	unpriced := v.cheapest()
	var whole float64
	for _, n := range nodes {
		whole += n.width(unpriced)
	}
	draw := func(name string, perHour float64, nodes []*node, after bool) strip {
		s := strip{Name: name, Price: v.money.hourly(perHour), Nodes: count(len(nodes), "node")}
		s.Label = fmt.Sprintf("%s: %s at %s", s.Name, s.Nodes, s.Price)
		x := 0.0
		for _, n := range nodes {
			width := n.width(unpriced) / whole * stripWidth
			s.Tiles = append(s.Tiles, v.tile(n, x, width, after))
			x += width
		}
		return s
	}
	return []strip{draw("Before", price.Before, v.today, false), draw("After", price.After, nodes, true)}
}

// width is a node's price, or unpriced where that is not known.
func (n *node) width(unpriced float64) float64 {
	if n.priced {
		return n.pricePerHour
	}
	return unpriced
}

// cheapest is the lowest price of a node in $/h: nodes without a known price are
// drawn as wide as that.
func (v *viewer) cheapest() float64 {
	lowest := 0.0
	for _, n := range slices.Concat(v.today, v.bought) {
		if n.priced && (lowest == 0 || n.pricePerHour < lowest) {
			lowest = n.pricePerHour
		}
	}
	if lowest == 0 {
		return 1
	}
	return lowest
}

// tile draws the fullest resource of a node.
func (v *viewer) tile(n *node, x, width float64, after bool) tile {
	t := tile{Title: n.name + ", " + v.price(n), X: round(x), Width: width}
	if width > gapFrom*stripGap {
		t.Width -= stripGap
	}
	t.Width = round(t.Width)
	for _, u := range n.room {
		today, incoming := share(u.today, u.allocatable), 0.0
		if after {
			incoming = min(share(u.incoming, u.allocatable), stripHeight-today)
		}
		if today+incoming > t.Today+t.Incoming {
			t.Today, t.Incoming = today, round(incoming)
		}
	}
	t.TodayY = round(stripHeight - t.Today)
	t.IncomingY = round(t.TodayY - t.Incoming)
	return t
}

// round keeps drawings short: two digits behind the point.
func round(x float64) float64 { return math.Round(100*x) / 100 }
