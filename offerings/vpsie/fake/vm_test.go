package fake_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

func TestOrderIsQueuedThenListed(t *testing.T) {
	a := newAccount(t, fake.Config{
		QueueDelay: fake.Delay{Base: time.Minute}, StartDelay: fake.Delay{Base: time.Minute}, Plain: true,
		HandoverDelay: fake.Delay{Base: time.Second},
	})
	a.buy("web-1")

	assert.Empty(t, a.get("/apps/v2/vm").list())
	pending := a.get("/apps/v2/vm/pending").list()
	require.Len(t, pending, 1)
	entry := pending[0].(map[string]any)
	assert.IsType(t, "", entry["id"])
	data := entry["data"].(map[string]any)
	assert.Equal(t, "web-1", data["hostname"])
	assert.Equal(t, "8a9f9e9e-0000-4000-8000-000000000001", data["processId"])
	assert.Equal(t, true, data["addPublicIpV4"], "flags come back as booleans")
	assert.Equal(t, false, data["backupEnabled"])
	assert.EqualValues(t, 71128, data["projectId"], "the project comes back as a number")
	assert.Len(t, a.Pending(), 1)
	assert.Empty(t, a.VMs())

	a.clock.Step(time.Minute)
	assert.Empty(t, a.get("/apps/v2/vm/pending").list())
	assert.Empty(t, a.get("/apps/v2/vm").list(), "for a moment it is nowhere")
	assert.Empty(t, a.get("/apps/v2/storages/vms").list())
	assert.Len(t, a.Pending(), 1)

	a.clock.Step(time.Second)
	assert.Empty(t, a.Pending())
	vm := a.get("/api/v2/vm").record(0) // the other prefix
	assert.Equal(t, "web-1", vm["hostname"])
	assert.EqualValues(t, 4096, vm["ram"])
	assert.EqualValues(t, 2, vm["cpu"])
	assert.EqualValues(t, 80, vm["ssd"])
	assert.EqualValues(t, 0, vm["power"], "listed, and not running yet")
	assert.Equal(t, "a note", vm["notes"])
	assert.NotEmpty(t, vm["default_ip"])
	assert.NotContains(t, vm, "status")
	assert.Equal(t, fake.VMStarting, a.VMs()[0].State)

	a.clock.Step(time.Minute)
	vm = a.get("/apps/v2/vm").record(0)
	assert.EqualValues(t, 1, vm["power"])
	assert.EqualValues(t, 1, vm["is_active"])
	identifier := vm["identifier"].(string)
	assert.Equal(t, "web-1", a.get("/apps/v2/vm/" + identifier).object()["vmData"].(map[string]any)["hostname"])
	assert.Equal(t, "running", a.get("/apps/v2/vm/status/" + identifier).object()["status"])
	assert.Equal(t, identifier, a.get("/apps/v2/storages/vms").record(0)["identifier"])
	assert.Equal(t, 1, a.Bought("WEB-1"))
	assert.Empty(t, a.BoughtTwice())
	assert.InDelta(t, 17.5/720, a.PricePerHour(), 1e-9)
}

func TestFlagsCountOnlyAsStrings(t *testing.T) {
	for situation, tc := range map[string]struct {
		value any
		want  bool
	}{
		"the string 1":  {"1", true},
		"the string 0":  {"0", false},
		"the number 1":  {1, false},
		"the bool true": {true, false},
		"absent":        {nil, false},
	} {
		t.Run(situation, func(t *testing.T) {
			a := newAccount(t, fake.Config{})
			a.buy("web-1", func(o object) { o["addPublicIpV4"] = tc.value })
			assert.Equal(t, tc.want, a.VMs()[0].PublicIP != "")
		})
	}
}

func TestOrdersAreRefused(t *testing.T) {
	a := newAccount(t, fake.Config{})
	for situation, tc := range map[string]struct {
		field string
		value any
		want  string
	}{
		"no hostname":         {"hostname", "", "hostname is required"},
		"an unknown plan":     {"resourceIdentifier", "nope", "Resource not found"},
		"an unknown place":    {"dcIdentifier", "nope", "Datacenter not found"},
		"a plan not sold":     {"resourceIdentifier", "sample-gpu-8c64g-1a", "not available in this Datacenter"},
		"an unknown image":    {"osIdentifier", "nope", "Operating system not found"},
		"an unknown key":      {"sshKeyIdentifier", "nope", "SSH key not found"},
		"an unknown project":  {"projectId", "nope", "Project not found"},
		"an unknown script":   {"scriptIdentifier", "nope", "Script not found"},
		"data that is no b64": {"userData", "%", "userData must be base64"},
	} {
		t.Run(situation, func(t *testing.T) {
			got := a.do("POST", "/apps/v2/vm", order("web-1", func(o object) { o[tc.field] = tc.value }))
			assert.Equal(t, http.StatusOK, got.status, "mistakes are answered with 200")
			assert.Equal(t, true, got.fields["error"])
			assert.Contains(t, got.message(), tc.want)
		})
	}
	assert.Empty(t, a.VMs())
	for _, project := range []any{71128, "71128", "project-default"} {
		a.buy("ok", func(o object) { o["projectId"] = project })
	}
	assert.Len(t, a.VMs(), 3)
}

func TestDeletion(t *testing.T) {
	a := newAccount(t, fake.Config{Plain: true})
	a.buy("web-1")
	id := a.VMs()[0].Identifier

	wrong := deletion(id)
	wrong["password"] = "guess"
	got := a.do("DELETE", "/apps/v2/vm", wrong)
	assert.Equal(t, http.StatusOK, got.status)
	assert.Equal(t, "You entered the wrong password", got.message())
	silent := deletion(id)
	delete(silent, "deleteStatistic")
	assert.Contains(t, a.do("DELETE", "/apps/v2/vm", silent).message(), "reason")
	require.Len(t, a.VMs(), 1, "the machine stays")

	assert.Equal(t, false, a.do("DELETE", "/apps/v2/vm", deletion(id)).fields["error"])
	assert.Empty(t, a.VMs())
	assert.Empty(t, a.get("/apps/v2/vm").list())
	assert.Equal(t, false, a.get("/apps/v2/vm/"+id).data(), "what is not found is false")
	assert.Equal(t, false, a.do("DELETE", "/apps/v2/vm", deletion(id)).data())
	assert.Equal(t, fake.VMGone, a.History()[0].State)
}

// Seeded oddities: some of many machines must show each.
func TestOddities(t *testing.T) {
	a := newAccount(t, fake.Config{DeleteDelay: fake.Delay{Base: time.Hour}, Seed: 1})
	for i := range 40 {
		a.buy(fmt.Sprintf("web-%d", i))
	}
	recased, stringRAM, stringPower := 0, 0, 0
	for i := range a.get("/apps/v2/vm").list() {
		vm := a.get("/apps/v2/vm").record(i)
		hostname := vm["hostname"].(string)
		if strings.ToLower(hostname) != hostname {
			recased++
		}
		if _, isString := vm["ram"].(string); isString {
			stringRAM++
		}
		if _, isString := vm["power"].(string); isString {
			stringPower++
		}
	}
	for what, n := range map[string]int{"re-cased": recased, "ram as string": stringRAM, "power as string": stringPower} {
		assert.Greater(t, n, 0, what)
		assert.Less(t, n, 40, what)
	}

	noContent := 0
	for _, vm := range a.VMs() {
		if a.do("DELETE", "/apps/v2/vm", deletion(vm.Identifier)).status == http.StatusNoContent {
			noContent++
		}
	}
	assert.Greater(t, noContent, 0)
	lingering := a.get("/apps/v2/vm").list()
	assert.Greater(t, len(lingering), 0, "some are shown as deleted for a while")
	assert.Less(t, len(lingering), 40)
	for i := range lingering {
		assert.Contains(t, []any{1.0, "1"}, a.get("/apps/v2/vm").record(i)["is_deleted"])
	}
	a.clock.Step(time.Hour)
	assert.Empty(t, a.get("/apps/v2/vm").list())
}

func TestSeedRepeatsARun(t *testing.T) {
	run := func(seed uint64) string {
		a := newAccount(t, fake.Config{
			Seed: seed, QueueDelay: fake.Delay{Base: time.Second, Jitter: time.Minute},
			Faults: []fake.Fault{{Kind: fake.ServerError, Operation: fake.ListVMs, Probability: 0.5}},
		})
		for i := range 10 {
			a.buy(fmt.Sprintf("web-%d", i))
		}
		a.clock.Step(time.Minute)
		var seen strings.Builder
		for range 5 {
			seen.WriteString(a.get("/apps/v2/vm").text)
		}
		return seen.String() + a.get("/apps/v2/storages/vms").text
	}
	assert.Equal(t, run(7), run(7))
	assert.NotEqual(t, run(7), run(8))
}

func TestStockAndQuota(t *testing.T) {
	place := fake.Place{Offering: "std-2c4g", Datacenter: "ams1"}
	a := newAccount(t, fake.Config{Stock: map[fake.Place]int{place: 1}})
	a.buy("web-1")
	assert.Contains(t, a.do("POST", "/apps/v2/vm", order("web-2")).message(), "not available in this Datacenter")
	a.do("DELETE", "/apps/v2/vm", deletion(a.VMs()[0].Identifier))
	a.buy("web-2") // what was deleted can be bought again
	require.NoError(t, a.SetStock(place, -1))
	a.SetQuota(2)
	a.buy("web-3")
	assert.Contains(t, a.do("POST", "/apps/v2/vm", order("web-4")).message(), "Quota exceeded")
	assert.Error(t, a.SetStock(fake.Place{Offering: "nope", Datacenter: "ams1"}, 1))
}

func TestVPC(t *testing.T) {
	a := newAccount(t, fake.Config{Plain: true, VPCs: []fake.VPC{
		{ID: 7, Name: "net", Datacenter: "ams1", Range: "10.20.0.0", Size: 16},
		{ID: 8, Name: "far", Datacenter: "fra1", Range: "10.30.0.0", Size: 16},
	}})
	a.buy("web-1", func(o object) { o["addPrivateIp"] = "0" })
	id := a.VMs()[0].Identifier
	join := func(vpc any, datacenter string) answer {
		return a.do("POST", "/apps/v2/vm/add/vpc", object{"vmIdentifier": id, "vpcId": vpc, "dcIdentifier": datacenter})
	}
	assert.Contains(t, join(9, "ams1").message(), "VPC not found")
	assert.Contains(t, join(8, "ams1").message(), "another datacenter")
	assert.Equal(t, true, join(7, "ams1").data())
	assert.Contains(t, join(7, "ams1").message(), "already")
	member := a.get("/apps/v2/vpc/vms/7").record(0)
	assert.Equal(t, id, member["identifier"])
	assert.True(t, strings.HasPrefix(member["vpc_ip"].(string), "10.20."))
	assert.Equal(t, member["vpc_ip"], a.VMs()[0].PrivateIP)
	assert.Equal(t, "10.20.0.0", a.get("/apps/v2/vpc/7").object()["network_range"])
	assert.Equal(t, false, a.get("/apps/v2/vpc/x").data())
	assert.Equal(t, true, a.do("DELETE", "/apps/v2/vm/vpc", object{"vmIdentifier": id, "privateIpId": member["private_ip_id"]}).data())
	assert.Empty(t, a.get("/apps/v2/vpc/vms/7").list())
	assert.Len(t, a.get("/apps/v2/vpc").list(), 2)
}

func TestBlowsFromOutside(t *testing.T) {
	a := newAccount(t, fake.Config{Plain: true})
	for _, name := range []string{"killed", "off", "lost"} {
		a.buy(name, func(o object) { o["userData"] = base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\n")) })
	}
	require.NoError(t, a.Kill("KILLED"))
	require.NoError(t, a.PowerOff("off"))
	require.NoError(t, a.Vanish("lost"))
	assert.ErrorContains(t, a.Kill("nobody"), `no machine with host name "nobody"`)
	states := map[string]fake.VMState{}
	for _, vm := range a.History() {
		states[vm.Ordered] = vm.State
		assert.Equal(t, fake.BootStopped, vm.Boot.Stage)
	}
	assert.Equal(t, map[string]fake.VMState{"killed": fake.VMRunning, "off": fake.VMOff, "lost": fake.VMGone}, states)

	_, err := a.AddVM(fake.Foreign{Hostname: "theirs", Offering: "std-1c1g", Datacenter: "ams1"})
	require.NoError(t, err)
	assert.True(t, a.VMs()[2].Foreign)
	assert.Zero(t, a.Bought("theirs"))
	_, err = a.AddVM(fake.Foreign{Hostname: "theirs"})
	assert.ErrorContains(t, err, "needs a host name, an offering")
}
