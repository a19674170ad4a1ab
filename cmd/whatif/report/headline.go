package report

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// outcome counts what becomes of the pending pods.
type outcome struct {
	pending, onBought, onToday, nowhere int
}

func outcomeOf(decision *plan.Plan) outcome {
	var o outcome
	for i := range decision.Add {
		o.onBought += len(decision.Add[i].Pods)
	}
	for i := range decision.Existing {
		o.onToday += len(decision.Existing[i].Pods)
	}
	o.nowhere = len(decision.Unschedulable)
	o.pending = o.onBought + o.onToday + o.nowhere
	return o
}

// sentence says the outcome in one line.
func (o outcome) sentence(machines int) string {
	if o.pending == 0 {
		if machines > 0 {
			return fmt.Sprintf("no pods pending; %s to buy for the NodeGroups' minimum", count(machines, "machine"))
		}
		return "no pods pending: nothing to do"
	}
	var parts []string
	if machines > 0 {
		parts = append(parts, fmt.Sprintf("%s on %s to buy", thousands(fmt.Sprint(o.onBought)), count(machines, "machine")))
	}
	if o.onToday > 0 {
		parts = append(parts, thousands(fmt.Sprint(o.onToday))+" on today's nodes")
	}
	if o.nowhere > 0 {
		parts = append(parts, thousands(fmt.Sprint(o.nowhere))+" nowhere")
	}
	return fmt.Sprintf("%s pending: %s", count(o.pending, "pod"), strings.Join(parts, ", "))
}

func count(n int, noun string) string { return plural(n, noun, noun+"s") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(fmt.Sprint(n)) + " " + many
}

// bound says how good the price is, in words.
func bound(decision *plan.Plan, money money) string {
	b := &decision.LowerBound
	if decision.PricePerHour.Added == 0 && b.PricePerHour == 0 {
		return "nothing need be bought"
	}
	kind := map[string]string{
		"columnGeneration": "proven by column generation",
		"resourceSum":      "the sum of resources at the best prices",
	}[b.Method]
	if kind == "" {
		kind = b.Method
	}
	return fmt.Sprintf("at least %s for what is bought (%s); this plan is %s above that", money.hourly(b.PricePerHour), kind, percent(b.Gap))
}

// placementWords say what the plan promises about where pods land.
var placementWords = map[plan.Placement]string{
	plan.PlacementNominated:  "kube-scheduler binds every pod as planned when pods are nominated to their nodes",
	plan.PlacementScoreOrder: "kube-scheduler, left alone, leaves no planned pod pending, perhaps on other nodes than planned",
	plan.PlacementNotHeld:    "each pod fits where it is planned; nothing holds kube-scheduler to it",
}

// money formats prices in the catalogue's currency.
type money struct{ currency string }

// hourly is a price per hour: four digits behind the point, as cloud prices
// below a cent need.
func (m money) hourly(price float64) string { return m.amount(price, 4) + "/h" }

// monthly is the price of a month of offerings.HoursPerMonth hours, from a price
// per hour.
func (m money) monthly(perHour float64) string {
	return m.amount(perHour*offerings.HoursPerMonth, 2) + "/month"
}

func (m money) amount(value float64, digits int) string {
	text := thousands(fmt.Sprintf("%.*f", digits, value))
	if m.unit() == "$" {
		if rest, negative := strings.CutPrefix(text, "-"); negative {
			return "-$" + rest
		}
		return "$" + text
	}
	return text + " " + m.currency
}

// unit is the currency's sign or code.
func (m money) unit() string {
	if m.currency == "" || m.currency == "USD" {
		return "$"
	}
	return m.currency
}

// thousands puts a comma before each third digit in front of the point.
func thousands(number string) string {
	whole, fraction, hasFraction := strings.Cut(number, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if hasFraction {
		whole += "." + fraction
	}
	return sign + whole
}

// percent of a share: 0.026 is "2.6 %".
func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// quantity is an amount of CPU in cores, of memory or storage in GiB, or of
// pieces.
func quantity[S ~string](resource S, amount int64) string {
	switch name := v1.ResourceName(resource); name {
	case v1.ResourceCPU:
		return fmt.Sprintf("%.1f cores", float64(amount)/1000)
	case v1.ResourceMemory, v1.ResourceEphemeralStorage:
		return fmt.Sprintf("%.1f GiB", float64(amount)/(1<<30))
	}
	return fmt.Sprint(amount)
}
