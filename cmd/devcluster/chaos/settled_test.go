package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// settled says what is not yet as it must be in the end, "" when everything is:
// machines at VPSie, VPSieNodes and Nodes are the same, all ready, every pod runs,
// and nothing is left that was only needed on the way.
func (w *world) settled() string {
	w.Helper()
	for _, question := range []func() string{w.unequal, w.unbound, w.leftTokens, w.leftScripts} {
		if complaint := question(); complaint != "" {
			return complaint
		}
	}
	return ""
}

// unequal compares the machines by name.
func (w *world) unequal() string {
	w.Helper()
	var atVPSie, vpsieNodes, nodes []string
	for _, vm := range slices.Concat(w.vpsie.Pending(), w.vpsie.VMs()) {
		if !vm.Foreign {
			atVPSie = append(atVPSie, strings.ToLower(vm.Hostname))
		}
	}
	for _, m := range w.machines() {
		if m.Status.Phase != v1alpha1.PhaseReady || m.DeletionTimestamp != nil {
			return fmt.Sprintf("VPSieNode %s is %s (%s: %s)", m.Name, m.Status.Phase, m.Status.Reason, m.Status.Message)
		}
		vpsieNodes = append(vpsieNodes, m.Spec.Hostname)
	}
	for _, node := range w.nodes() {
		nodes = append(nodes, node.Name)
	}
	for _, names := range [][]string{atVPSie, vpsieNodes, nodes} {
		slices.Sort(names)
	}
	if !slices.Equal(atVPSie, vpsieNodes) || !slices.Equal(vpsieNodes, nodes) {
		return fmt.Sprintf("at VPSie: %v\nVPSieNodes: %v\nNodes: %v", atVPSie, vpsieNodes, nodes)
	}
	return ""
}

// unbound says which pod does not run, or how many there should be.
func (w *world) unbound() string {
	w.Helper()
	var pods corev1.PodList
	require.NoError(w, w.client.List(w.Context(), &pods, client.InNamespace(metav1.NamespaceDefault)))
	running := 0
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.Spec.NodeName == "" || pod.Status.Phase != corev1.PodRunning || pod.DeletionTimestamp != nil {
			return fmt.Sprintf("pod %s is %s on node %q: %v", pod.Name, pod.Status.Phase, pod.Spec.NodeName, pod.Status.Conditions)
		}
		if pod.Labels["app"] != "agent" {
			running++
		}
	}
	if wanted := w.wanted(); running != wanted {
		return fmt.Sprintf("%d of %d pods run", running, wanted)
	}
	return ""
}

func (w *world) leftTokens() string {
	w.Helper()
	var secrets corev1.SecretList
	require.NoError(w, w.client.List(w.Context(), &secrets, client.InNamespace(metav1.NamespaceSystem)))
	for i := range secrets.Items {
		if s := &secrets.Items[i]; s.Type == corev1.SecretTypeBootstrapToken {
			return fmt.Sprintf("bootstrap token %s of %v is still there", s.Name, s.OwnerReferences)
		}
	}
	return ""
}

func (w *world) leftScripts() string {
	w.Helper()
	scripts, err := w.account().Scripts(w.Context())
	if err != nil {
		return err.Error()
	}
	for _, script := range scripts {
		return "VPSie still has the script " + script.Name
	}
	return ""
}

// account is VPSie's API for the test itself.
func (w *world) account() *vpsie.Client {
	w.Helper()
	account, err := vpsie.New(vpsie.Options{Credentials: func(context.Context) (vpsie.Credentials, error) {
		return vpsie.Credentials{Token: fake.DefaultCredentials().Token, URL: w.url}, nil
	}})
	require.NoError(w, err)
	return account
}

// whole checks what must never have happened.
func (w *world) whole() {
	w.Helper()
	requests := w.vpsie.Requests()
	require.Less(w, len(requests), 100_000, "the journal is complete")
	// A machine's process ID is its VPSieNode's UID. Where VPSie made two of one
	// order itself, there are two, and no third one.
	twins := map[string]int{}
	for _, r := range requests {
		if r.Operation == fake.CreateVM && r.Fault == fake.Duplicate && r.Done {
			twins[r.Hostname]++
		}
	}
	made := map[string]int{}
	for _, vm := range w.vpsie.History() {
		if vm.Foreign {
			continue
		}
		made[vm.ProcessID]++
		if made[vm.ProcessID] > 1 {
			assert.Positive(w, twins[vm.Ordered], "%s was bought twice", vm.Ordered)
			twins[vm.Ordered]--
		}
	}
	w.foreignUntouched()
}

// foreignUntouched: somebody else's machines run as before, and nobody asked for
// their end.
func (w *world) foreignUntouched() {
	w.Helper()
	runs := map[string]bool{}
	for _, vm := range w.vpsie.VMs() {
		runs[vm.Identifier] = vm.State == fake.VMRunning
	}
	for _, vm := range w.foreign {
		assert.True(w, runs[vm.Identifier], "somebody else's machine %s runs", vm.Hostname)
		for _, r := range w.vpsie.Requests() {
			if r.Operation == fake.DeleteVM {
				assert.NotEqual(w, vm.Identifier, r.Identifier, "somebody else's machine %s was to be deleted", vm.Hostname)
			}
		}
	}
}

// noMoreThan checks that no pool has more machines than it ever had pods at once:
// one that forgot what it has bought would.
func (w *world) noMoreThan(peak map[string]int) {
	w.Helper()
	have := map[string]int{}
	for _, m := range w.machines() {
		have[m.Spec.NodeGroup]++
	}
	for pool, count := range have {
		assert.LessOrEqual(w, count, peak[pool], "machines of pool %s", pool)
	}
}
