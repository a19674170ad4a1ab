package vpsienode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/vpsienode"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// Whatever goes wrong with an order, there is one machine in the end.
func TestOneMachineWhateverHappensToTheOrder(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 2}, nil)
	s.group("general", nil)
	for _, c := range []struct {
		situation, name string
		faults          []fake.Fault
		bought          int
	}{
		{"nothing goes wrong", "a0", nil, 1},
		{"the answer never comes", "a1", []fake.Fault{{Kind: fake.TimeoutAfterSuccess, Duration: fake.Duration(50 * time.Millisecond)}}, 1},
		{"the answer is lost", "a2", []fake.Fault{{Kind: fake.LostResponse}}, 1},
		{"an error page although it was done", "a3", []fake.Fault{{Kind: fake.ErrorAfterSuccess}}, 1},
		{"an answer that cannot be read", "a4", []fake.Fault{{Kind: fake.Garbage}}, 1},
		{"the connection is reset before", "a5", []fake.Fault{{Kind: fake.ConnectionReset}}, 1},
		{"an error page and nothing was done", "a6", []fake.Fault{{Kind: fake.ServerError}}, 1},
		{"too many requests", "a7", []fake.Fault{{Kind: fake.RateLimited}}, 1},
		{"VPSie makes two of it", "a8", []fake.Fault{{Kind: fake.Duplicate}}, 2},
		{"error pages in a burst", "a9", []fake.Fault{{Kind: fake.ServerError, Count: 3}}, 1},
	} {
		t.Run(c.situation, func(t *testing.T) {
			s.T = t
			step := s.step(nil)
			for i := range c.faults {
				c.faults[i].Operation = fake.CreateVM
				c.faults[i].Count = max(1, c.faults[i].Count)
			}
			require.NoError(t, s.server.SetFaults(c.faults...))
			name := s.decide("general", c.name).Name
			m := step.on(name, v1alpha1.PhaseProvisioned)
			assert.Equal(t, []string{m.Status.VPSID}, s.alive(name))
			assert.Equal(t, c.bought, s.server.Bought(name))
			assert.Equal(t, "True", string(condition(m, v1alpha1.VPSReady).Status))
			assert.Empty(t, condition(m, v1alpha1.VPSieNodeError).Reason, "what went wrong is over")
		})
	}
}

// A list that lies is no reason to buy again.
func TestNothingIsBoughtTwiceForAListThatLies(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 3}, nil)
	s.group("general", nil)
	for _, c := range []struct {
		situation, name string
		fault           fake.Fault
	}{
		{"the machine is missing from a list", "b1", fake.Fault{Kind: fake.PartialList, Operation: fake.ListVMs, Count: 30}},
		{"a list is empty", "b2", fake.Fault{Kind: fake.EmptyList, Operation: fake.ListVMs, Count: 30}},
		{"a list is no JSON", "b3", fake.Fault{Kind: fake.Garbage, Operation: fake.ListVMs, Count: 30}},
		{"a list cannot be had", "b4", fake.Fault{Kind: fake.ServerError, Operation: fake.ListAllVMs, Count: 30}},
		{"the queue cannot be had", "b5", fake.Fault{Kind: fake.ServerError, Operation: fake.PendingVMs, Count: 30}},
	} {
		t.Run(c.situation, func(t *testing.T) {
			s.T = t
			step := s.step(nil)
			name := s.decide("general", c.name).Name
			// The answer is lost, so that only the lists can say what became of it.
			require.NoError(t, s.server.SetFaults(fake.Fault{Kind: fake.LostResponse, Operation: fake.CreateVM, Count: 1}))
			_, _, _ = step.once(name)
			require.NoError(t, s.server.SetFaults(c.fault))
			step.pass(time.Hour / 60)
			m := step.on(name, v1alpha1.PhaseProvisioned)
			assert.Equal(t, 1, s.server.Bought(name))
			assert.Equal(t, []string{m.Status.VPSID}, s.alive(name))
		})
	}
}

// An order that is refused fails the machine with a reason that others act on,
// costs nothing, and is forgotten after a while.
func TestRefusedOrders(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 4}, nil)
	s.group("general", nil)
	for _, c := range []struct {
		name   string
		fault  fake.FaultKind
		reason string
	}{
		{"c1", fake.StockOut, v1alpha1.ReasonStockOut},
		{"c2", fake.QuotaExceeded, v1alpha1.ReasonQuota},
		{"c3", fake.BusinessError, v1alpha1.ReasonRejected},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			s.T = t
			step := s.step(nil)
			require.NoError(t, s.server.SetFaults(fake.Fault{Kind: c.fault, Operation: fake.CreateVM}))
			name := s.decide("general", c.name).Name
			m := step.on(name, v1alpha1.PhaseFailed)
			assert.Equal(t, c.reason, m.Status.Reason)
			assert.NotEmpty(t, m.Status.Message)
			failed := step.clock.Now()
			step.on(name, "")
			assert.GreaterOrEqual(t, step.clock.Since(failed), 15*time.Minute, "decisions have time to learn from it")
			assert.Zero(t, s.server.Bought(name))
			assert.Empty(t, s.secrets(), "its token is gone")
		})
	}
}

// While VPSie is down a machine waits, and costs nothing.
func TestVPSieIsDown(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 5}, nil)
	s.group("general", nil)
	step := s.step(nil)
	name := s.decide("general", "d1").Name
	s.server.Down(true)
	for range 30 {
		m, _, err := step.once(name)
		require.Error(t, err)
		require.Equal(t, v1alpha1.PhasePending, m.Status.Phase)
		require.Nil(t, m.Status.RequestedAt, "nothing was ordered")
		require.Equal(t, "True", string(condition(m, v1alpha1.VPSieNodeError).Status))
		step.pass(time.Minute)
	}
	s.server.Down(false)
	step.on(name, v1alpha1.PhaseProvisioned)
	assert.Equal(t, 1, s.server.Bought(name))

	s.server.Down(true)
	for range 10 {
		m, _, _ := step.once(name)
		require.Equal(t, v1alpha1.PhaseProvisioned, m.Status.Phase, "what cannot be seen is not gone")
		step.pass(time.Minute)
	}
	s.server.Down(false)
}

// Somebody else's machine of our name is left alone, and so is one of another
// cluster's autoscaler.
func TestStrangers(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 6}, nil)
	s.group("general", nil)
	for situation, notes := range map[string]string{
		"bought by hand":                "web server of the shop",
		"of another cluster":            "vpsie-k8s-autoscaler cluster=other node=vpsie-general-e2 uid=11111111-2222-3333-4444-555555555555",
		"of a former machine, the same": "vpsie-k8s-autoscaler cluster=test node=vpsie-general-e1 uid=11111111-2222-3333-4444-555555555555",
	} {
		t.Run(situation, func(t *testing.T) {
			s.T = t
			step := s.step(nil)
			suffix := map[string]string{"bought by hand": "e0", "of another cluster": "e2", "of a former machine, the same": "e1"}[situation]
			name := "vpsie-general-" + suffix
			stranger, err := s.server.AddVM(fake.Foreign{Hostname: name, Offering: offering, Datacenter: zone, Notes: notes})
			require.NoError(t, err)
			s.decide("general", suffix)
			m := step.on(name, v1alpha1.PhaseFailed)
			assert.Equal(t, v1alpha1.ReasonRejected, m.Status.Reason)
			assert.Contains(t, m.Status.Message, stranger.Identifier)
			step.on(name, "")
			found := false
			for _, vm := range s.server.VMs() {
				found = found || vm.Identifier == stranger.Identifier
			}
			assert.True(t, found, "it is still there")
			assert.Zero(t, s.server.Bought(name))
		})
	}
}

// A machine whose order VPSie accepted and never carried out is waited for, not
// ordered again.
func TestAnAcceptedOrderIsNotRepeated(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 7, QueueDelay: fake.Delay{Base: 24 * time.Hour}}, nil)
	s.group("general", nil)
	step := s.step(nil)
	name := s.decide("general", "f1").Name
	ordered := step.clock.Now()
	m := step.on(name, v1alpha1.PhaseFailed)
	assert.Equal(t, v1alpha1.ReasonProvisionTimeout, m.Status.Reason)
	assert.GreaterOrEqual(t, step.clock.Since(ordered), 20*time.Minute)
	assert.Equal(t, 1, len(s.server.Pending()))
	// It cannot be deleted while it is queued; until it is seen and given back, or
	// leaves the queue, the object stays.
	for range 20 {
		m, pause, _ := step.once(name)
		require.NotNil(t, m)
		step.pass(pause)
	}
	require.NoError(t, s.server.Vanish(name))
	step.on(name, "")
}

func TestOrdersThatAreNotMade(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 8}, nil)
	s.group("broken", func(spec *v1alpha1.NodeGroupSpec) {
		spec.Bootstrap.Template = &v1alpha1.TemplateReference{ConfigMap: "absent", Key: "user-data"}
	})
	s.group("general", nil)
	for _, c := range []struct {
		situation, group, name, reason, message string
		change                                  func(*vpsienode.Options)
	}{
		{"the NodeGroup is gone", "nobody", "g1", v1alpha1.ReasonNodeGroupGone, "NodeGroup nobody is gone", nil},
		{"the template is not there", "broken", "g2", v1alpha1.ReasonBootstrap, "ConfigMap default/absent does not exist", nil},
	} {
		t.Run(c.situation, func(t *testing.T) {
			s.T = t
			step := s.step(c.change)
			name := s.decide(c.group, c.name).Name
			m := step.on(name, v1alpha1.PhaseFailed)
			assert.Equal(t, c.reason, m.Status.Reason)
			assert.Contains(t, m.Status.Message, c.message)
			step.on(name, "")
			assert.Zero(t, s.server.Bought(name))
		})
	}
}

// Two controllers that both believe themselves leader do not both order.
func TestTheSlowerOfTwoLeadersDoesNotOrder(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 9}, nil)
	s.group("general", nil)
	step := s.step(nil)
	name := s.decide("general", "h1").Name
	// The second leader has looked at the object before the first wrote to it.
	old := s.get(name)
	step.on(name, v1alpha1.PhaseProvisioned)
	other := s.options
	other.Client = stale{s.client, old}
	reconciler, err := vpsienode.New(other)
	require.NoError(t, err)
	_, err = reconciler.Reconcile(t.Context(), request(name))
	require.NoError(t, err, "it sees that it was too slow and looks again")
	assert.Equal(t, 1, s.server.Bought(name))
	assert.Equal(t, v1alpha1.PhaseProvisioned, s.get(name).Status.Phase)
}
