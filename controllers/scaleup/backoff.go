package scaleup

import (
	"slices"
	"strings"
	"time"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// backoff is what is not bought for a while because it failed, derived from the
// failed VPSieNodes that are still there and from nothing else.
type backoff struct {
	// templates are patterns for binpack's Request.Unavailable.
	templates []string
	// groups that buy nothing, with the reason.
	groups map[string]string
	// until is when the first of it ends; zero when there is none.
	until time.Time
}

// failure is what failed together.
type failure struct {
	// plans that failed: machines of one plan fail once.
	plans  map[string]bool
	latest time.Time
	reason string
}

// backoffs judges the failed VPSieNodes. What failed with one plan is left alone
// for base, with two for twice as long and so on, up to most.
func backoffs(machines []*v1alpha1.VPSieNode, groups []*v1alpha1.NodeGroup, now time.Time, base, most time.Duration) backoff {
	failures := map[string]*failure{}
	for _, m := range machines {
		if m.Status.Phase != v1alpha1.PhaseFailed || m.Status.FailedAt == nil {
			continue
		}
		for _, pattern := range failed(m, groups) {
			f := failures[pattern]
			if f == nil {
				f = &failure{plans: map[string]bool{}}
				failures[pattern] = f
			}
			f.plans[m.Spec.PlanID] = true
			if at := m.Status.FailedAt.Time; at.After(f.latest) {
				f.latest, f.reason = at, m.Status.Reason
			}
		}
	}
	b := backoff{groups: map[string]string{}}
	for pattern, f := range failures {
		wait := base
		for range len(f.plans) - 1 {
			wait = min(most, 2*wait)
		}
		end := f.latest.Add(min(most, wait))
		if !end.After(now) {
			continue
		}
		if b.until.IsZero() || end.Before(b.until) {
			b.until = end
		}
		if group, whole := wholeGroup(pattern); whole {
			b.groups[group] = f.reason
		} else {
			b.templates = append(b.templates, pattern)
		}
	}
	slices.Sort(b.templates)
	return b
}

// failed says what a failed machine speaks against, as template patterns.
func failed(m *v1alpha1.VPSieNode, groups []*v1alpha1.NodeGroup) []string {
	switch m.Status.Reason {
	case v1alpha1.ReasonStockOut:
		return []string{m.Spec.Offering + "/*/" + m.Spec.Datacenter}
	case v1alpha1.ReasonRejected, v1alpha1.ReasonProvisionTimeout:
		return []string{m.Spec.Offering + "/" + m.Spec.NodeGroup + "/" + m.Spec.Datacenter}
	case v1alpha1.ReasonJoinTimeout, v1alpha1.ReasonReadyTimeout, v1alpha1.ReasonBootstrap:
		return []string{groupPattern(m.Spec.NodeGroup)}
	case v1alpha1.ReasonQuota:
		return sharingQuota(m.Spec.NodeGroup, groups)
	}
	// A machine that ran and is gone says nothing about the next one.
	return nil
}

// sharingQuota are the groups that a quota stops together: a managed cluster has
// its own, the others share the account's.
func sharingQuota(name string, groups []*v1alpha1.NodeGroup) []string {
	cluster := func(g *v1alpha1.NodeGroup) string { return g.Spec.Bootstrap.ClusterID }
	i := slices.IndexFunc(groups, func(g *v1alpha1.NodeGroup) bool { return g.Name == name })
	if i < 0 {
		return nil
	}
	var patterns []string
	for _, group := range groups {
		if cluster(group) == cluster(groups[i]) {
			patterns = append(patterns, groupPattern(group.Name))
		}
	}
	return patterns
}

// groupPattern stands for all templates of a group.
func groupPattern(group string) string { return "*/" + group + "/*" }

func wholeGroup(pattern string) (string, bool) {
	group, found := strings.CutPrefix(pattern, "*/")
	return strings.TrimSuffix(group, "/*"), found
}
