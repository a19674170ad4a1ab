package fake_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// These tests hold two readings of the same evidence against each other: the
// server's and the client's.

func newClient(t *testing.T, a *account, c vpsie.Credentials) *vpsie.Client {
	t.Helper()
	client, err := vpsie.New(vpsie.Options{
		BaseURL: a.url, RequestsPerMinute: 100_000, Burst: 1000, RetryInterval: time.Millisecond, BreakerFailures: 1000,
		Credentials: func(context.Context) (vpsie.Credentials, error) { return c, nil },
	})
	require.NoError(t, err)
	return client
}

func byToken() vpsie.Credentials {
	c := fake.DefaultCredentials()
	return vpsie.Credentials{Token: c.Token, Password: c.Password}
}

func byLogin() vpsie.Credentials {
	c := fake.DefaultCredentials()
	return vpsie.Credentials{ClientID: c.ClientID, ClientSecret: c.ClientSecret, Password: c.Password}
}

func request(hostname string) vpsie.VMRequest {
	return vpsie.VMRequest{
		Hostname: hostname, Offering: "sample-std-2c4g", OSImage: "image-ubuntu-2404", Datacenter: "ams1", Project: "project-default",
		UserData: []byte("#!/bin/sh\n"), Notes: "ours", Tags: []string{"one"}, PublicIPv4: true,
		ProcessID: "8a9f9e9e-0000-4000-8000-000000000001",
	}
}

func TestClientBuysAndDeletes(t *testing.T) {
	for seed := range uint64(5) {
		a := newAccount(t, fake.Config{Seed: seed, QueueDelay: fake.Delay{Base: time.Minute}, VPCs: []fake.VPC{
			{ID: 7, Name: "net", Datacenter: "ams1", Range: "10.20.0.0", Size: 16},
		}})
		c := newClient(t, a, byLogin())
		ctx := t.Context()
		for i := range 10 {
			require.NoError(t, c.CreateVM(ctx, request(fmt.Sprintf("web-%d", i))))
		}
		pending, err := c.PendingVMs(ctx)
		require.NoError(t, err)
		require.Len(t, pending, 10)
		assert.Equal(t, "web-0", pending[0].Hostname)
		assert.Equal(t, "sample-std-2c4g", pending[0].Offering)
		assert.Equal(t, "8a9f9e9e-0000-4000-8000-000000000001", pending[0].ProcessID)
		a.clock.Step(time.Minute)
		a.ExpireTokens() // it logs in again

		vms, err := c.ListVMs(ctx)
		require.NoError(t, err)
		all, err := c.ListAllVMs(ctx)
		require.NoError(t, err)
		require.Len(t, vms, 10)
		require.Len(t, all, 10)
		for i, vm := range vms {
			assert.Equal(t, fmt.Sprintf("web-%d", i), vm.Hostname)
			assert.Equal(t, all[i].ID, vm.ID)
			assert.Equal(t, vpsie.StateRunning, vm.State)
			assert.EqualValues(t, 4<<30, vm.MemoryBytes)
			assert.EqualValues(t, 80<<30, vm.DiskBytes)
			assert.EqualValues(t, 2, vm.CPU)
			assert.Equal(t, "ams1", vm.Datacenter)
			assert.Equal(t, "ours", vm.Notes)
			assert.NotEmpty(t, vm.IP)
			assert.True(t, start.Equal(vm.Created))

			one, err := c.GetVM(ctx, vm.ID)
			require.NoError(t, err)
			assert.Equal(t, vm, *one)
		}
		require.NoError(t, c.AddVMToVPC(ctx, vms[0].ID, 7, "ams1"))
		members, err := c.VPCMembers(ctx, 7)
		require.NoError(t, err)
		require.Len(t, members, 1)
		assert.Equal(t, vms[0].ID, members[0].VM)
		require.NoError(t, c.SetVMTags(ctx, vms[0].ID, []string{"a", "b"}))
		tags, err := c.Tags(ctx, vms[0].ID)
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b"}, tags)

		for _, vm := range vms {
			require.NoError(t, c.DeleteVM(ctx, vm.ID, "not needed"))
		}
		left, err := c.ListVMs(ctx)
		require.NoError(t, err)
		assert.Empty(t, left)
		_, err = c.GetVM(ctx, vms[0].ID)
		assert.True(t, vpsie.IsNotFound(err), "%v", err)
	}
}

func TestClientUnderstandsRefusals(t *testing.T) {
	a := newAccount(t, fake.Config{})
	c := newClient(t, a, byToken())
	for _, tc := range []struct {
		fault fake.Fault
		want  vpsie.Kind
	}{
		{fake.Fault{Kind: fake.StockOut}, vpsie.StockOut},
		{fake.Fault{Kind: fake.QuotaExceeded}, vpsie.Quota},
		{fake.Fault{Kind: fake.RateLimited}, vpsie.RateLimited},
		{fake.Fault{Kind: fake.TokenExpired}, vpsie.Unauthorized},
		{fake.Fault{Kind: fake.LostResponse}, vpsie.Ambiguous},
		{fake.Fault{Kind: fake.ErrorAfterSuccess}, vpsie.Ambiguous},
		{fake.Fault{Kind: fake.ServerError}, vpsie.Ambiguous},
		{fake.Fault{Kind: fake.ConnectionReset}, vpsie.Ambiguous},
		{fake.Fault{Kind: fake.BusinessError}, vpsie.Refused},
	} {
		t.Run(string(tc.fault.Kind), func(t *testing.T) {
			tc.fault.Operation = fake.CreateVM
			require.NoError(t, a.SetFaults(tc.fault))
			err := c.CreateVM(t.Context(), request("web-1"))
			require.Error(t, err)
			assert.Equal(t, tc.want, vpsie.KindOf(err), "%v", err)
		})
	}
	require.NoError(t, a.SetFaults())
	a.RotateCredentials(fake.Credentials{Password: "changed"})
	err := c.DeleteVM(t.Context(), a.VMs()[0].Identifier, "over")
	assert.Equal(t, vpsie.WrongPassword, vpsie.KindOf(err), "%v", err)
}

// What the client reads through any fault is the truth or an error, but for the
// lists that lie, of which no client can know.
func TestClientNeverReadsGarbage(t *testing.T) {
	a := newAccount(t, fake.Config{})
	c := newClient(t, a, byLogin())
	require.NoError(t, c.CreateVM(t.Context(), request("web-1")))
	for _, kind := range []fake.FaultKind{
		fake.Garbage, fake.ServerError, fake.ConnectionReset, fake.LostResponse, fake.TokenExpired, fake.RateLimited, fake.BusinessError,
	} {
		require.NoError(t, a.SetFaults(fake.Fault{Kind: kind, Operation: fake.ListVMs, Probability: 0.7}))
		failures := 0
		for range 30 {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			vms, err := c.ListVMs(ctx)
			cancel()
			if err != nil {
				failures++
				continue
			}
			if assert.Len(t, vms, 1, kind) {
				assert.Equal(t, "web-1", vms[0].Hostname)
			}
		}
		assert.Greater(t, failures, 0, kind)
	}
}

func TestClientReadsTheCatalogue(t *testing.T) {
	a := newAccount(t, fake.Config{Seed: 3})
	c := newClient(t, a, byToken())
	got, err := c.Catalog(t.Context(), nil, "image-ubuntu-2404", offerings.DefaultAllocatableModel())
	require.NoError(t, err)
	compared := 0
	for _, want := range offerings.Sample().Offerings {
		if len(want.Unavailable) > 0 || want.Capacity.Extended != nil {
			continue // the API cannot say so
		}
		o := got.ByIdentifier(want.Identifier)
		if !assert.NotNil(t, o, want.Name) {
			continue
		}
		compared++
		assert.Equal(t, want.Name, o.Name)
		assert.InDelta(t, want.PricePerHour, o.PricePerHour, 1e-8)
		assert.Equal(t, want.Datacenters, o.Datacenters)
		assert.Equal(t, want.Capacity.MemoryBytes, o.Capacity.MemoryBytes)
		assert.Equal(t, want.Capacity.MilliCPU, o.Capacity.MilliCPU)
	}
	assert.Greater(t, compared, 20)
}

func TestClientRunsManagedClusters(t *testing.T) {
	for seed := range uint64(8) {
		a := newCluster(t, func(config *fake.Config) { config.Seed = seed })
		c := newClient(t, a, byToken())
		ctx := t.Context()
		offers, err := c.KubeOffers(ctx, "ams1")
		require.NoError(t, err)
		require.NoError(t, c.AddKubeGroup(ctx, "hel", "grp", offers[0].ID))
		assert.Equal(t, vpsie.Conflict, vpsie.KindOf(c.AddKubeGroup(ctx, "hel", "other", offers[0].ID)))
		groups, err := c.KubeGroups(ctx, "hel")
		require.NoError(t, err)
		require.Len(t, groups, 1)
		assert.Equal(t, offers[0].ID, groups[0].SizeID)
		for range 3 {
			_, err := c.AddKubeNode(ctx, "hel", groups[0].Number)
			require.NoError(t, err)
		}
		_, err = c.AddKubeNode(ctx, "hel", groups[0].Number)
		assert.Equal(t, vpsie.Quota, vpsie.KindOf(err), "%v", err)
		a.clock.Step(time.Minute)
		cluster, err := c.KubeCluster(ctx, "hel")
		require.NoError(t, err)
		require.Len(t, cluster.Nodes, 4, "the control plane's node is one")
		worker := cluster.Nodes[3]
		require.NoError(t, c.DeleteKubeNode(ctx, "hel", worker.ID, "over"))
		all, err := c.ListAllVMs(ctx)
		require.NoError(t, err)
		assert.Len(t, all, 2)
		require.NoError(t, c.DeleteKubeGroup(ctx, groups[0].ID, "over"))
		assert.Empty(t, a.VMs())
	}
}

func TestClientReadsTheAccount(t *testing.T) {
	a := newAccount(t, fake.Config{SSHKeys: []fake.SSHKey{{ID: 1, Identifier: "key-1", Name: "ops"}}})
	c := newClient(t, a, byToken())
	ctx := t.Context()
	datacenters, err := c.Datacenters(ctx)
	require.NoError(t, err)
	assert.Len(t, datacenters, 3)
	assert.True(t, datacenters[0].Active)
	projects, err := c.Projects(ctx)
	require.NoError(t, err)
	assert.Equal(t, "project-default", projects[0].ID)
	_, err = c.Project(ctx, "nope")
	assert.True(t, vpsie.IsNotFound(err), "%v", err)
	keys, err := c.SSHKeys(ctx)
	require.NoError(t, err)
	assert.Equal(t, "key-1", keys[0].ID)
	images, err := c.CustomImages(ctx)
	require.NoError(t, err)
	assert.Equal(t, "image-ubuntu-2404", images[0].ID)
	require.NoError(t, c.AddScript(ctx, "join", "#!/bin/bash\n"))
	scripts, err := c.Scripts(ctx)
	require.NoError(t, err)
	require.Len(t, scripts, 1)
	require.NoError(t, c.DeleteScript(ctx, scripts[0].ID))
}
