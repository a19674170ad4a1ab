package explain

import (
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"

	v1 "k8s.io/api/core/v1"
)

// Verdict is what kube-scheduler says of one pod on one node or template.
type Verdict struct {
	Name string `json:"name"`
	Fits bool   `json:"fits"`
	// Reasons holds every plugin that refuses; empty, not nil, when it fits.
	Reasons []Reason `json:"reasons"`
}

// Reason is one plugin's refusal in its own words.
type Reason struct {
	Plugin  string `json:"plugin"`
	Message string `json:"message"`
}

// prober collects verdicts on one pod.
type prober struct {
	cluster *simulator.Cluster
	pod     *v1.Pod
	// gate is why kube-scheduler does not even try the pod; nil if it does.
	gate *Reason
	// known says that a profile of the scheduler configuration is the pod's.
	known bool
}

func newProber(cluster *simulator.Cluster, pod *v1.Pod) *prober {
	p := &prober{cluster: cluster, pod: pod, known: cluster.FilterPlugins(pod) != nil}
	if plugin, reason := cluster.Gated(pod); reason != "" {
		p.gate = &Reason{Plugin: plugin, Message: reason}
	}
	return p
}

// verdicts asks about nodes of the cluster as it is now.
func (p *prober) verdicts(nodeNames []string) ([]Verdict, error) {
	var probe *simulator.Probe
	if p.known {
		var err error
		if probe, err = p.cluster.Probe(p.pod); err != nil {
			return nil, err
		}
	}
	verdicts := make([]Verdict, len(nodeNames))
	for i, name := range nodeNames {
		v := Verdict{Name: name, Reasons: []Reason{}}
		if p.gate != nil {
			v.Reasons = append(v.Reasons, *p.gate)
		}
		if probe != nil {
			for _, r := range probe.Reasons(name) {
				v.Reasons = append(v.Reasons, Reason(r))
			}
		}
		v.Fits = len(v.Reasons) == 0
		verdicts[i] = v
	}
	return verdicts, nil
}

// fitting counts the verdicts that a pod fits.
func fitting(verdicts []Verdict) int {
	n := 0
	for i := range verdicts {
		if verdicts[i].Fits {
			n++
		}
	}
	return n
}
