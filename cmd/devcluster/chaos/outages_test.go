package chaos

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// One controller lives through all of it.
func TestOutages(t *testing.T) {
	w := newWorld(t)
	w.settleIn()
	w.ready(w.start(alone))
	pods := map[string]int{}
	more := func(pool string, count int) {
		pods[pool] += count
		w.scale(pool, pods[pool])
	}
	for _, outage := range []struct {
		situation string
		test      func(w *world, more func(string, int))
	}{
		{"the NodeGroup is deleted while its machines provision", deletedGroup},
		{"the API server restarts in the middle", restartedAPIServer},
		{"tokens expire and credentials are rotated", rotatedCredentials},
		{"VPSie is down", down},
	} {
		if !t.Run(outage.situation, func(t *testing.T) { w.within(t, func() { outage.test(w, more) }) }) {
			return
		}
	}
	w.whole()
	w.noMoreThan(pods)
	_, err := w.scrape(w.replicas[0])
	require.NoError(t, err)
	w.stopReplicas()
	w.noSecrets()
	w.nothingDenied()
}

// within has a subtest be the one that fails.
func (w *world) within(t *testing.T, test func()) {
	outer := w.TB
	w.TB = t
	defer func() { w.TB = outer }()
	test()
}

// ordered waits for so many orders more than there were.
func (w *world) ordered(before, more int) {
	w.Helper()
	w.eventually(func() string {
		if now := w.done(fake.CreateVM); now < before+more {
			return fmt.Sprintf("%d machines ordered", now-before)
		}
		return ""
	})
}

func deletedGroup(w *world, more func(string, int)) {
	more(batch, 4)
	w.ordered(0, 2)
	w.remove(nodeGroup(batch))
	w.eventually(func() string {
		err := w.client.Get(w.Context(), types.NamespacedName{Name: batch}, &v1alpha1.NodeGroup{})
		if client.IgnoreNotFound(err) != nil || err == nil {
			return fmt.Sprintf("NodeGroup %s is still there (%v)", batch, err)
		}
		return ""
	})
	assert.Empty(w, w.machines(), "the group goes after its machines")
	for _, vm := range append(w.vpsie.VMs(), w.vpsie.Pending()...) {
		assert.True(w, vm.Foreign, "machine %s is left", vm.Hostname)
	}
	w.eventually(w.leftTokens)
	ended := w.bought()

	require.True(w, w.restore(batch))
	w.eventually(w.settled)
	assert.Equal(w, ended+4, w.bought(), "bought anew, once")
}

func restartedAPIServer(w *world, more func(string, int)) {
	before, bought := w.done(fake.CreateVM), w.bought()
	more(general, 4)
	w.ordered(before, 1)
	require.NoError(w, w.plane.RestartAPIServer(w.Context()))
	more(scripted, 2)
	w.eventually(w.settled)
	assert.Equal(w, bought+6, w.bought())
}

func rotatedCredentials(w *world, more func(string, int)) {
	bought := w.bought()
	w.vpsie.ExpireTokens()
	more(general, 1)
	w.eventually(w.settled)

	next := fake.Credentials{ClientID: "next-client-id", ClientSecret: "next-client-secret", Password: "next-account-password"}
	w.vpsie.RotateCredentials(next)
	more(general, 1)
	refused := time.Now()
	w.eventually(func() string {
		for _, r := range w.vpsie.RequestsSince(refused) {
			if r.Operation == fake.Login && !r.Done {
				return ""
			}
		}
		return "the old credentials were not tried"
	})
	secret := w.secret(next)
	patch := client.MergeFrom(&corev1.Secret{ObjectMeta: secret.ObjectMeta})
	require.NoError(w, w.client.Patch(w.Context(), secret, patch))
	w.eventually(w.settled)
	// A machine is given back with the new password.
	gone := w.machines()[0]
	w.remove(&gone)
	w.eventually(func() string {
		if err := w.client.Get(w.Context(), client.ObjectKeyFromObject(&gone), &v1alpha1.VPSieNode{}); client.IgnoreNotFound(err) != nil || err == nil {
			return fmt.Sprintf("VPSieNode %s is still there (%v)", gone.Name, err)
		}
		return ""
	})
	w.eventually(w.settled)
	assert.Equal(w, bought+3, w.bought())
}

// down: machines are on their way when VPSie goes away, and more are wanted
// meanwhile. The controller stays healthy, and everything that was there stays.
func down(w *world, more func(string, int)) {
	before, bought := w.done(fake.CreateVM), w.bought()
	more(general, 2)
	w.ordered(before, 2)
	w.vpsie.Down(true)
	there := w.machines()
	nodes := len(w.nodes())
	more(general, 2)
	var wrong string
	complaint := w.poll(*outage, func() string {
		if wrong = w.unmoved(there, nodes); wrong != "" {
			return ""
		}
		return "VPSie is down still"
	})
	require.Empty(w, wrong)
	require.NotEmpty(w, complaint, "all the time was watched")
	w.vpsie.Down(false)

	w.eventually(w.settled)
	assert.Equal(w, bought+4, w.bought(), "what was on its way was not bought again")
}

// unmoved says what happened that must not happen while VPSie cannot be read.
func (w *world) unmoved(before []v1alpha1.VPSieNode, nodes int) string {
	w.Helper()
	for _, path := range []string{"/healthz", "/readyz"} {
		if _, err := get(w.Context(), "http://"+w.replicas[0].health+path); err != nil {
			return err.Error()
		}
	}
	for i := range before {
		var m v1alpha1.VPSieNode
		if err := w.client.Get(w.Context(), client.ObjectKeyFromObject(&before[i]), &m); err != nil {
			return err.Error()
		}
		if m.DeletionTimestamp != nil || m.Status.Phase == v1alpha1.PhaseFailed {
			return fmt.Sprintf("VPSieNode %s: %s %s", m.Name, m.Status.Phase, m.Status.Message)
		}
	}
	if now := len(w.nodes()); now < nodes {
		return fmt.Sprintf("%d of %d Nodes are left", now, nodes)
	}
	return ""
}
