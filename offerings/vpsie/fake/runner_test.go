package fake_test

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// recorder is a MachineRunner that shows what it was given.
type recorder chan fake.Machine

func (r recorder) Run(ctx context.Context, m fake.Machine, report func(fake.Boot)) {
	report(fake.Boot{Stage: fake.BootReady, Node: m.Hostname})
	r <- m
	<-ctx.Done()
	report(fake.Boot{Stage: fake.BootFailed, Reason: "said after the end"})
}

func TestMachinesBootWhenTheirTimeComes(t *testing.T) {
	inside := make(recorder)
	a := newAccount(t, fake.Config{
		Machines: inside, Plain: true,
		QueueDelay: fake.Delay{Base: time.Minute}, BootDelay: fake.Delay{Base: time.Minute},
		VPCs: []fake.VPC{{ID: 7, Datacenter: "ams1", Range: "10.20.0.0", Size: 16}},
	})
	a.buy("web-1", func(o object) {
		o["userData"], o["addPrivateIp"] = base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\n")), "0"
	})
	require.Eventually(t, a.clock.HasWaiters, 5*time.Second, time.Millisecond)
	a.clock.Step(time.Minute)
	assert.Equal(t, fake.BootWaiting, a.VMs()[0].Boot.Stage)
	id := a.VMs()[0].Identifier
	a.clock.Step(time.Minute)
	m := <-inside
	assert.Equal(t, "#!/bin/sh\n", string(m.UserData))
	assert.Equal(t, "std-2c4g", m.Offering.Name)
	assert.Equal(t, "ams1", m.Datacenter.ID)
	assert.Equal(t, id, m.Identifier)
	_, private := m.Addresses()
	assert.Empty(t, private)
	a.do("POST", "/apps/v2/vm/add/vpc", object{"vmIdentifier": id, "vpcId": 7, "dcIdentifier": "ams1"})
	_, private = m.Addresses()
	assert.Contains(t, private, "10.20.", "the address comes while the machine runs")
	assert.Equal(t, fake.BootReady, a.VMs()[0].Boot.Stage)
	assert.Equal(t, true, a.get("/apps/v2/vm/live/agent/status/"+id).data())

	a.do("DELETE", "/apps/v2/vm", deletion(id))
	a.Close() // waits for the inside to end
	assert.Equal(t, fake.BootStopped, a.History()[0].Boot.Stage)
	assert.Empty(t, a.History()[0].Boot.Reason)
}

func TestMachineDeletedBeforeItBoots(t *testing.T) {
	inside := make(recorder)
	a := newAccount(t, fake.Config{Machines: inside, BootDelay: fake.Delay{Base: time.Minute}})
	a.buy("web-1")
	a.do("DELETE", "/apps/v2/vm", deletion(a.VMs()[0].Identifier))
	a.Close() // returns although nobody receives from the recorder
	assert.Equal(t, fake.BootStopped, a.History()[0].Boot.Stage)
}

func TestWorkerThatCannotBePrepared(t *testing.T) {
	a := newCluster(t, func(c *fake.Config) {
		c.Machines, c.QueueDelay = make(recorder), fake.Delay{}
		c.Clusters[0].UserData = func(string) ([]byte, error) { return nil, errors.New("no token") }
	})
	a.group("std-2c4g")
	a.do("POST", hel+"/add/slave", nil)
	require.Eventually(t, func() bool { return a.VMs()[0].Boot.Stage == fake.BootFailed }, 5*time.Second, time.Millisecond)
	assert.Contains(t, a.VMs()[0].Boot.Reason, "no token")
}
