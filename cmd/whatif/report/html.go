package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

//go:embed page
var pageFiles embed.FS

// page is what the template shows, formatted.
type page struct {
	Title, ID string
	CSS       template.CSS
	JS        template.JS
	Notes     []string
	Cards     []card
	Strips    []strip
	Bound     string
	BoundAt   float64
	Prices    []priceBar
	NoPlace   string
	Refusals  []refusalView
	Groups    []groupView
	Facts     []fact
}

type card struct {
	Name, Figure, Detail string
	Warn                 bool
}

type priceBar struct {
	Name, Class, Value, Difference string
	Width                          float64
}

type refusalView struct {
	Count, Named, Summary string
	Pods                  []string
	Reasons               []reasonView
}

type reasonView struct {
	Plugin, Message string
	Templates       []string
}

type groupView struct {
	Name, Detail, Price, Month, Pods string
	Bars                             []barView
	Nodes                            []nodeView
	Open                             bool
}

type nodeView struct {
	Name, Detail, Price, Pods string
	// RunningWord says what Running pods are.
	RunningWord       string
	Bars              []barView
	Incoming, Running []string
}

// barView is one resource: Today and Incoming are widths in %.
type barView struct {
	Resource, Label, Text string
	Today, Incoming       float64
}

type fact struct{ Name, Value string }

// writeHTML writes the report as one page that loads nothing.
func (r *Report) writeHTML(w io.Writer) error {
	pic, err := draw(r.plan, r.request)
	if err != nil {
		return err
	}
	css, err := pageFiles.ReadFile("page/page.css")
	if err != nil {
		return err
	}
	js, err := pageFiles.ReadFile("page/page.js")
	if err != nil {
		return err
	}
	t, err := template.ParseFS(pageFiles, "page/page.html.tmpl")
	if err != nil {
		return err
	}
	v := &viewer{Report: r, picture: pic, money: money{r.request.Catalog.Currency}}
	p := v.page()
	p.CSS, p.JS = template.CSS(css), template.JS(js)
	return t.Execute(w, p)
}

// viewer formats a picture for the page.
type viewer struct {
	*Report
	*picture
	money money
}

func (v *viewer) page() *page {
	o := outcomeOf(v.plan)
	p := &page{
		Title:    o.sentence(len(v.plan.Add)),
		ID:       v.plan.Metadata.ID,
		Notes:    v.notes,
		Cards:    v.cards(o),
		Strips:   v.strips(),
		Bound:    bound(v.plan, v.money),
		NoPlace:  count(o.nowhere, "pod"),
		Refusals: v.refusals(),
		Groups:   v.groups(),
		Facts:    v.facts(),
	}
	p.Prices, p.BoundAt = v.prices()
	return p
}

func (v *viewer) cards(o outcome) []card {
	price := v.plan.PricePerHour
	cards := []card{
		{Name: "Price per hour", Figure: v.money.hourly(price.After), Detail: v.money.hourly(price.Before) + " before, " + v.money.hourly(price.Added) + " added"},
		{Name: "Price per month of 720 hours", Figure: v.money.amount(price.After*offerings.HoursPerMonth, 2), Detail: v.money.monthly(price.Before) + " before"},
		{Name: "Above the lower bound", Figure: percent(v.plan.LowerBound.Gap), Detail: "which is " + v.money.hourly(v.plan.LowerBound.PricePerHour) + " for what is bought"},
		{Name: "Machines to buy", Figure: thousands(fmt.Sprint(len(v.bought))), Detail: fmt.Sprintf("for %s, beside %s of today", count(o.onBought, "pod"), count(len(v.today), "node"))},
		{Name: "Pods with no place", Figure: thousands(fmt.Sprint(o.nowhere)), Detail: "of " + count(o.pending, "pending pod"), Warn: o.nowhere > 0},
		{Name: "Placement", Figure: placementTitles[v.plan.Placement], Detail: placementWords[v.plan.Placement]},
	}
	return cards
}

var placementTitles = map[plan.Placement]string{
	plan.PlacementNominated:  "Nominated",
	plan.PlacementScoreOrder: "Score order",
	plan.PlacementNotHeld:    "Not held",
}

// share is part of whole in %, at most 100.
func share[N int64 | float64](part, whole N) float64 {
	if whole <= 0 {
		return 0
	}
	return min(100, round(100*float64(part)/float64(whole)))
}

func (v *viewer) price(n *node) string {
	if !n.priced {
		return "price unknown"
	}
	return v.money.hourly(n.pricePerHour)
}

// prices compares what is bought with the bound and the alternatives; boundAt is
// where the bound is, in % of the dearest.
func (v *viewer) prices() (bars []priceBar, boundAt float64) {
	added, low := v.plan.PricePerHour.Added, v.plan.LowerBound.PricePerHour
	dearest := max(added, low)
	for _, a := range v.plan.Alternatives {
		dearest = max(dearest, a.PricePerHour)
	}
	bar := func(name, class string, price float64) {
		b := priceBar{Name: name, Class: class, Value: v.money.hourly(price), Width: share(price, dearest)}
		if class == "" && added > 0 {
			b.Difference = fmt.Sprintf("%+.1f %%", 100*(price/added-1))
		}
		bars = append(bars, b)
	}
	bar("Lower bound", "bound", low)
	bar("This plan", "plan", added)
	for _, a := range v.plan.Alternatives {
		bar(a.Summary, "", a.PricePerHour)
	}
	return bars, share(low, dearest)
}

func (v *viewer) refusals() []refusalView {
	var views []refusalView
	for _, g := range refusals(v.plan) {
		view := refusalView{
			Count: count(len(g.pods), "pod"), Named: nameSome(g.pods, false),
			Summary: g.summary, Pods: g.pods,
		}
		for _, r := range g.reasons {
			view.Reasons = append(view.Reasons, reasonView{Plugin: r.plugin, Message: r.message, Templates: r.templates})
		}
		views = append(views, view)
	}
	return views
}

// openNodes is the number of nodes up to which the page begins with all groups
// of nodes open.
const openNodes = 40

func (v *viewer) groups() []groupView {
	open := len(v.today)+len(v.bought) <= openNodes
	var views []groupView
	for _, p := range v.picture.purchases() {
		g := v.group(fmt.Sprintf("Buy %d × %s", len(p.nodes), p.offering), p.nodes)
		g.Detail = v.detail([]string{"for NodeGroup " + p.nodeGroup, p.datacenter}, p.room)
		g.Open = open
		views = append(views, g)
	}
	if len(v.today) > 0 {
		g := v.group("Today's nodes", v.today)
		g.Detail = count(len(v.today), "node")
		g.Open = open
		views = append(views, g)
	}
	return views
}

func (v *viewer) group(name string, nodes []*node) groupView {
	g := groupView{Name: name}
	sum := make([]usage, len(v.resources))
	var price float64
	pods := 0
	for _, n := range nodes {
		addRoom(sum, n.room)
		price += n.pricePerHour
		pods += len(n.incoming)
		g.Nodes = append(g.Nodes, v.node(n))
	}
	g.Price, g.Month, g.Pods = v.money.hourly(price), v.money.monthly(price), fmt.Sprintf("+%s", count(pods, "pod"))
	g.Bars = v.bars(sum)
	return g
}

func (v *viewer) node(n *node) nodeView {
	view := nodeView{Name: n.name, Price: v.price(n), Bars: v.bars(n.room), Incoming: names(n.incoming), Running: names(n.running)}
	view.Pods = count(len(n.incoming)+len(n.running), "pod")
	view.RunningWord = "Running today"
	details := []string{n.offering, n.datacenter}
	if n.bought {
		view.RunningWord = "DaemonSets"
		details = nil
	}
	if n.unschedulable {
		details = append(details, "cordoned")
	}
	view.Detail = v.detail(details, n.room)
	return view
}

// detail joins what is known about a node and its pieces of extended resources.
func (v *viewer) detail(known []string, room []usage) string {
	for i, u := range room {
		if i >= 2 && u.allocatable > 0 {
			known = append(known, fmt.Sprintf("%d of %d %s", u.after(), u.allocatable, v.resources[i]))
		}
	}
	return strings.Join(slices.DeleteFunc(known, func(s string) bool { return s == "" }), " · ")
}

func names(pods []pod) []string {
	list := make([]string, len(pods))
	for i := range pods {
		list[i] = pods[i].name
	}
	return list
}

// bars are drawn for CPU and memory.
func (v *viewer) bars(room []usage) []barView {
	bars := make([]barView, 2)
	for i, u := range room[:2] {
		name := v.resources[i]
		if u.allocatable == 0 {
			bars[i] = barView{Resource: string(name), Label: string(name) + ": unknown", Text: "unknown"}
			continue
		}
		bars[i] = barView{
			Resource: string(name),
			Label: fmt.Sprintf("%s: %s of %s requested before, %s after", name,
				quantity(name, u.today), quantity(name, u.allocatable), quantity(name, u.after())),
			Text:     fmt.Sprintf("%.0f %%", 100*float64(u.after())/float64(u.allocatable)),
			Today:    share(u.today, u.allocatable),
			Incoming: share(min(u.incoming, max(0, u.allocatable-u.today)), u.allocatable),
		}
	}
	return bars
}

func (v *viewer) facts() []fact {
	inputs, stats := v.plan.Metadata.Inputs, v.plan.Stats
	gates := strings.Join(inputs.FeatureGates, ", ")
	if gates == "" {
		gates = "defaults"
	}
	search := fmt.Sprintf("%s in %s, %s, %s", count(stats.Pods, "pod"), plural(stats.Classes, "class", "classes"),
		count(stats.Templates, "template"), count(stats.FilterCalls, "filter call"))
	if stats.Truncated {
		search += "; ended at its budget"
	}
	return []fact{
		{"Catalogue", v.request.Catalog.Name + " " + inputs.Catalog},
		{"Snapshot", inputs.Snapshot},
		{"Scheduler configuration", inputs.SchedulerConfig},
		{"Feature gates", gates},
		{"Search", search},
	}
}
