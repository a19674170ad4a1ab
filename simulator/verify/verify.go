package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// verifier holds one plan while it is judged.
type verifier struct {
	ctx     context.Context
	cluster *simulator.Cluster
	request *Request
	// fast says that the cluster works on the hostname fast path.
	fast   bool
	units  []unit
	pods   []*planned
	byNode map[string][]*planned
	kept   *keptCycles
	// beyond lists, by scheduler name, the Filter plugins that are not local.
	beyond map[string][]string
	// reserved are the nodes on which pods outside the plan are nominated.
	reserved map[string]bool
	// nominated are the nodes whose planned pods were nominated so far.
	nominated map[string]bool
	limit     int
	// filterCalls counts those on clusters other than this one.
	filterCalls int
	result      *Result
}

// Verify judges a plan. An error means that it could not be judged: the
// objects contradict one another, or ctx ended.
func Verify(ctx context.Context, request Request) (*Result, error) {
	v, refused, err := newVerifier(ctx, &request, fastPathFits(&request))
	if err != nil {
		return nil, fmt.Errorf("verifying the plan: %w", err)
	}
	if err := v.judge(refused); err != nil {
		return nil, fmt.Errorf("verifying the plan: %w", err)
	}
	v.result.FilterCalls = v.filterCalls + v.cluster.FilterCalls()
	return v.result, nil
}

func newVerifier(ctx context.Context, request *Request, fast bool) (*verifier, []Refusal, error) {
	config := request.Config
	if fast {
		config = config.WithHostnameFastPath()
	}
	cluster, err := simulator.New(ctx, request.Objects, config)
	if err != nil {
		return nil, nil, err
	}
	for _, spec := range request.Added {
		if err := cluster.AddNode(spec); err != nil {
			return nil, nil, err
		}
	}
	v := &verifier{
		ctx: ctx, cluster: cluster, request: request, fast: fast,
		byNode: map[string][]*planned{}, beyond: map[string][]string{}, reserved: map[string]bool{}, nominated: map[string]bool{},
		limit:  request.ScoreOrderLimit,
		result: &Result{},
	}
	if v.limit <= 0 {
		v.limit = DefaultScoreOrderLimit
	}
	var refused []Refusal
	v.units, refused = readPlan(cluster, request.Planned)
	v.kept = newKeptCycles(cluster, v.units)
	for _, u := range v.units {
		v.pods = append(v.pods, u.pods...)
	}
	sortByQueue(v.pods)
	for _, p := range v.pods {
		v.byNode[p.node] = append(v.byNode[p.node], p)
	}
	return v, refused, v.keepReservations()
}

// keepReservations notes where today's nominations keep room for pods that the
// plan leaves alone, and drops those of the planned pods: a replay gives them
// new ones or none.
func (v *verifier) keepReservations() error {
	for _, pod := range v.cluster.Pending() {
		node := v.cluster.NominatedNode(pod)
		if node == "" {
			continue
		}
		if _, mine := v.request.Planned[nameOf(pod)]; !mine {
			v.reserved[node] = true
			continue
		}
		if err := v.cluster.Nominate(pod, ""); err != nil {
			return err
		}
	}
	return nil
}

// judge runs the order replay and the nominated replay together for as long as
// they agree, and each on its own from there on.
func (v *verifier) judge(refused []Refusal) error {
	searches := v.request.ScoreOrderLimit >= 0
	full := searches && len(v.pods)*len(v.cluster.NodeNames()) <= v.limit
	if full {
		v.cluster.Fork()
	}
	rest, err := v.lockstep()
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		v.cluster.Fork()
		left, err := v.order(rest)
		if err != nil {
			return err
		}
		refused = append(refused, left...)
	}
	if len(refused) > 0 {
		v.result.Refused = refused
		return nil
	}
	if searches && !full {
		if err := v.sampledScoreOrder(); err != nil {
			return err
		}
	}
	if len(rest) > 0 {
		v.cluster.Revert()
	}
	if v.request.Nominate && !(v.request.HeldOnly && len(rest) > 0) {
		if err := v.nominatedReplay(rest); err != nil {
			return err
		}
	}
	if full {
		v.cluster.Revert()
		return v.scoreOrder()
	}
	return nil
}

func sortRefusals(pods []*planned) []Refusal {
	sortByQueue(pods)
	refused := make([]Refusal, len(pods))
	for i, p := range pods {
		refused[i] = p.refusal
	}
	return slices.Clip(refused)
}
