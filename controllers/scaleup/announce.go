package scaleup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/time/rate"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

// Reasons of events.
const (
	reasonTriggered    = "TriggeredScaleUp"
	reasonNotTriggered = "NotTriggerScaleUp"
	reasonScaleUp      = "ScaleUp"
	reasonNoScaleUp    = "NoScaleUp"
	actionScaleUp      = "ScaleUp"

	dryRunNote = "dry run, nothing is bought: "
)

const (
	// eventsPerSecond and eventBurst keep a burst of pods from flooding the API
	// server; what is not said now is said with a later decision.
	eventsPerSecond = 50
	eventBurst      = 1000
	// maxNote bytes of an event's note are kept by the API server.
	maxNote = 1024
)

// announcer records events, each only when it says something new of its object.
type announcer struct {
	recorder events.EventRecorder
	clock    clock.PassiveClock
	limiter  *rate.Limiter
	// said last of each object.
	said map[types.UID]string
}

func newAnnouncer(recorder events.EventRecorder, clock clock.PassiveClock) *announcer {
	return &announcer{recorder: recorder, clock: clock, limiter: rate.NewLimiter(eventsPerSecond, eventBurst), said: map[types.UID]string{}}
}

func (a *announcer) say(about client.Object, eventType, reason, note string) {
	said := reason + ": " + note
	if a.said[about.GetUID()] == said || !a.limiter.AllowN(a.clock.Now(), 1) {
		return
	}
	a.said[about.GetUID()] = said
	if len(note) > maxNote {
		note = strings.ToValidUTF8(note[:maxNote-len("…")], "") + "…"
	}
	a.recorder.Eventf(about, nil, eventType, reason, actionScaleUp, "%s", note)
}

// forget drops what was said of objects that no decision speaks of any more.
func (a *announcer) forget(d *decision) {
	known := make(map[types.UID]bool, len(d.pods)+len(d.groups))
	for _, pod := range d.pods {
		known[pod.UID] = true
	}
	for _, group := range d.groups {
		known[group.UID] = true
	}
	for uid := range a.said {
		if !known[uid] {
			delete(a.said, uid)
		}
	}
}

// announce tells the pods and NodeGroups what was decided for them.
func (a *announcer) announce(d *decision, dryRun bool) {
	a.forget(d)
	if d.plan != nil {
		a.bought(d, dryRun)
		for i := range d.plan.Unschedulable {
			u := &d.plan.Unschedulable[i]
			if pod := d.pods[u.Pod]; pod != nil && !gated(u) {
				a.say(pod, v1.EventTypeWarning, reasonNotTriggered, "no machine that can be bought would take this pod: "+u.Summary)
			}
		}
	}
	for _, name := range d.closedGroups() {
		a.say(d.groups[name], v1.EventTypeWarning, reasonNoScaleUp, d.closed[name])
	}
}

func (a *announcer) bought(d *decision, dryRun bool) {
	byGroup := map[string][]plan.Machine{}
	for _, m := range d.buy {
		byGroup[m.NodeGroup] = append(byGroup[m.NodeGroup], m)
		note := fmt.Sprintf("machine %s (%s in %s, %s $/h) by %s", m.Name, m.Offering, m.Datacenter, dollars(m.PricePerHour), d.plan.Metadata.ID)
		if dryRun {
			// Without names: they change with each plan that is not carried out.
			note = fmt.Sprintf("%sa machine (%s in %s, %s $/h)", dryRunNote, m.Offering, m.Datacenter, dollars(m.PricePerHour))
		}
		for _, name := range d.real(m.Pods) {
			a.say(d.pods[name], v1.EventTypeNormal, reasonTriggered, note)
		}
	}
	for _, group := range d.snapshot.NodeGroups {
		if machines := byGroup[group.Name]; len(machines) > 0 {
			note := summary(machines) + " by " + d.plan.Metadata.ID
			if dryRun {
				note = dryRunNote + summary(machines)
			}
			a.say(group, v1.EventTypeNormal, reasonScaleUp, note)
		}
	}
}

// summary says in a line what is bought.
func summary(machines []plan.Machine) string {
	type lot struct {
		name  string
		count int
	}
	var lots []lot
	pods, price := 0, 0.0
	for _, m := range machines {
		pods += len(m.Pods)
		price += m.PricePerHour
		name := m.Offering + " in " + m.Datacenter
		if i := slices.IndexFunc(lots, func(l lot) bool { return l.name == name }); i >= 0 {
			lots[i].count++
		} else {
			lots = append(lots, lot{name, 1})
		}
	}
	slices.SortFunc(lots, func(a, b lot) int { return cmp.Or(cmp.Compare(b.count, a.count), strings.Compare(a.name, b.name)) })
	parts := make([]string, len(lots))
	for i, l := range lots {
		parts[i] = fmt.Sprintf("%d × %s", l.count, l.name)
	}
	return fmt.Sprintf("%s for %s, %s $/h", strings.Join(parts, ", "), plural(pods, "pod"), dollars(price))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func dollars(price float64) string { return fmt.Sprintf("%.4f", price) }

// gated says that kube-scheduler does not try the pod, so that its owner knows
// why it waits.
func gated(u *plan.Unschedulable) bool {
	return len(u.Reasons) > 0 && (u.Reasons[0].Plugin == "SchedulerName" || u.Reasons[0].Plugin == "SchedulingGates")
}
