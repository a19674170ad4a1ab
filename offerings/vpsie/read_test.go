package vpsie

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMachinesAsVPSieSpellsThem(t *testing.T) {
	running := VM{
		ID: someID, Hostname: "hel-web-1", ReportedHostname: "HEL-web-1", IP: "203.0.113.7", PrivateIP: "10.0.0.7",
		CPU: 2, MemoryBytes: 4 << 30, DiskBytes: 80 << 30, Datacenter: helsinki, Project: "71128", Notes: "ours",
		Created: time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC), State: StateRunning,
	}
	with := func(change func(*VM)) VM {
		vm := running
		change(&vm)
		return vm
	}
	const common = `"identifier":"` + someID + `","hostname":"HEL-web-1","default_ip":"203.0.113.7","private_ip":"10.0.0.7",
		"dcIdentifier":"` + helsinki + `","notes":"ours","created_on":"2026-03-01T12:30:00.000Z",`
	const numbers = `"cpu":2,"ram":4096,"ssd":80,"projectId":71128,`
	for _, c := range []struct {
		situation, vm string
		want          VM
	}{
		{"numbers and flags as numbers", common + numbers + `"is_active":1,"power":1,"is_suspended":0`, running},
		{
			"numbers and flags as strings",
			common + `"cpu":"2","ram":"4096","ssd":" 80 ","projectId":"71128","is_active":"1","power":"1","is_deleted":"0"`, running,
		},
		{"flags as booleans", common + numbers + `"is_active":true,"power":true,"is_locked":false`, running},
		{
			"project in the newer spelling", common + `"cpu":2,"ram":4096,"ssd":80,"project_id":71128,"is_active":1,"power":1`, running,
		},
		{"fields of other types that are not read", common + numbers + `"is_active":1,"power":1,"traffic":"x","user_id":{}`, running},
		{"power not stated", common + numbers + `"is_active":1`, running},
		{"powered off", common + numbers + `"is_active":1,"power":0`, with(func(vm *VM) { vm.State = StateOff })},
		{"inactive", common + numbers + `"is_active":0,"power":1`, with(func(vm *VM) { vm.State = StateOff })},
		{
			"suspended counts more than off", common + numbers + `"is_active":1,"power":0,"is_suspended":1`,
			with(func(vm *VM) { vm.State = StateSuspended }),
		},
		{"locked", common + numbers + `"is_active":1,"power":1,"is_locked":"1"`, with(func(vm *VM) { vm.State = StateLocked })},
		{
			"terminated counts more than locked", common + numbers + `"is_active":1,"is_locked":1,"is_terminated":1`,
			with(func(vm *VM) { vm.State = StateTerminated }),
		},
		{
			"deleted counts most", common + numbers + `"is_active":1,"is_terminated":1,"is_deleted":true`,
			with(func(vm *VM) { vm.State = StateDeleted }),
		},
		{"no flags at all", common + numbers + `"x":1`, with(func(vm *VM) { vm.State = StateUnknown })},
	} {
		t.Run(c.situation, func(t *testing.T) {
			s := newStage(t, map[string][]reply{
				"GET /apps/v2/vm":           {data(`[{` + c.vm + `}]`)},
				"GET /apps/v2/vm/" + someID: {data(`{"vmData":{` + c.vm + `},"vmTags":[],"privateIpData":[]}`)},
			})
			list, err := s.client().ListVMs(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []VM{c.want}, list)
			vm, err := s.client().GetVM(t.Context(), someID)
			require.NoError(t, err)
			assert.Equal(t, c.want, *vm)
		})
	}
}

func TestGoneStates(t *testing.T) {
	for state, gone := range map[VMState]bool{
		StateDeleted: true, StateTerminated: true, StateRunning: false, StateOff: false, StateSuspended: false,
		StateLocked: false, StatePending: false, StateUnknown: false,
	} {
		assert.Equal(t, gone, state.Gone(), string(state))
	}
}

func TestTimesInFormsThatAreKnown(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"2026-03-01T12:00:00Z"`:          noon,
		`"2026-03-01T12:00:00.000Z"`:      noon,
		`"2026-03-01T14:00:00+02:00"`:     noon,
		`"2026-03-01 12:00:00"`:           noon,
		`"2026-03-01T12:00:00"`:           noon,
		`"Sun, 01 Mar 2026 12:00:00 GMT"`: noon,
		`"0000-00-00 00:00:00"`:           {},
		`"yesterday"`:                     {},
		`1772366400`:                      {},
		`null`:                            {},
	} {
		s := newStage(t, map[string][]reply{"GET /apps/v2/vm": {data(`[{"identifier":"a","hostname":"a","created_on":` + text + `}]`)}})
		list, err := s.client().ListVMs(t.Context())
		require.NoError(t, err, text)
		assert.Equal(t, want, list[0].Created, text)
	}
}

// Answers in the form of a success that cannot be read are errors that name the
// place, and no machine comes out.
func TestUnreadableAnswers(t *testing.T) {
	vm := func(field string) string { return `[{"identifier":"ok"},{"identifier":"b",` + field + `}]` }
	for _, c := range []struct {
		situation, payload, want string
	}{
		{"no identifier", `[{"hostname":"a"}]`, "data[0].identifier: is empty"},
		{"identifier null", `[{"identifier":null}]`, "data[0].identifier: is empty"},
		{"identifier of blanks", `[{"identifier":"  "}]`, "data[0].identifier: is empty"},
		{"identifier that is a path", `[{"identifier":"../vm"}]`, "data[0].identifier: is not an identifier"},
		{"identifier that is an object", `[{"identifier":{}}]`, "data[0].identifier: must be a string"},
		{"machine that is a number", `[1]`, "data[0]: must be an object"},
		{"machine that is null", `[null]`, "data[0].identifier: is empty"},
		{"negative memory", vm(`"ram":-1`), `data[1].ram: must not be negative, got "-1"`},
		{"negative memory in a string", vm(`"ram":"-1"`), `data[1].ram: must not be negative`},
		{"memory of NaN", vm(`"ram":"NaN"`), `data[1].ram: must be a number, got "NaN"`},
		{"infinite memory", vm(`"ram":"Inf"`), `data[1].ram: must be a number, got "Inf"`},
		{"memory beyond float64", vm(`"ram":1e999`), "data[1].ram: is too large"},
		{"memory beyond int64 in bytes", vm(`"ram":9007199254740992`), "data[1].ram: is too large"},
		{"memory beyond what is exact", vm(`"ram":90071992547409930`), "data[1].ram: is too large"},
		{"memory in words", vm(`"ram":"a lot"`), `data[1].ram: must be a number, got "a lot"`},
		{"half a core", vm(`"cpu":0.5`), `data[1].cpu: must be a whole number, got "0.5"`},
		{"cores that are a list", vm(`"cpu":[2]`), "data[1].cpu: must be a string"},
		{"cores that are true", vm(`"cpu":true`), "data[1].cpu: must be a string"},
		{"flag of 2", vm(`"is_deleted":2`), "data[1].is_deleted: must be 0 or 1"},
		{"flag that is an object", vm(`"is_active":{}`), "data[1].is_active: must be 0 or 1"},
		{"hostname that is an object", vm(`"hostname":{}`), "data[1].hostname: must be a string"},
		{"list that is an object", `{}`, "data.rows: there is no list"},
		{"list that is a string", `"none"`, "data: must be a list"},
		{"list that is true", `true`, "data: must be a list"},
		{"list that is null, which could mean that all is gone", `null`, "data: there is no list"},
		{"list that is false", `false`, "data: there is no list"},
	} {
		t.Run(c.situation, func(t *testing.T) {
			s := newStage(t, map[string][]reply{"GET /apps/v2/vm": {data(c.payload)}})
			list, err := s.client().ListVMs(t.Context())
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, Unreadable, KindOf(err))
			assert.False(t, IsRetryable(err))
			assert.False(t, IsTerminal(err))
			assert.Nil(t, list)
			assert.Len(t, s.seen(), 1, "it would come out the same")
		})
	}
	t.Run("no data", func(t *testing.T) {
		s := newStage(t, map[string][]reply{"GET /apps/v2/vm": {ok(`{"error":false}`)}})
		_, err := s.client().ListVMs(t.Context())
		require.ErrorContains(t, err, "data: there is no list")
	})
	t.Run("204 for a list", func(t *testing.T) {
		s := newStage(t, map[string][]reply{"GET /apps/v2/sshkeys": {status(http.StatusNoContent, "")}})
		_, err := s.client().SSHKeys(t.Context())
		require.ErrorContains(t, err, "data: there is no list")
	})
	t.Run("204 for an object says nothing of it", func(t *testing.T) {
		s := newStage(t, map[string][]reply{"GET /apps/v2/projects/a": {status(http.StatusNoContent, "")}})
		_, err := s.client().Project(t.Context(), "a")
		assert.Equal(t, Unreadable, KindOf(err))
	})
	t.Run("another machine than asked for", func(t *testing.T) {
		s := newStage(t, map[string][]reply{"GET /apps/v2/vm/a": {data(`{"vmData":{"identifier":"b"}}`)}})
		_, err := s.client().GetVM(t.Context(), "a")
		require.ErrorContains(t, err, "data.vmData.identifier: is another machine's")
	})
	t.Run("null is an empty list where VPSie counts none", func(t *testing.T) {
		s := newStage(t, map[string][]reply{"GET /apps/v2/vm": {ok(`{"error":false,"data":null,"total":0}`)}})
		list, err := s.client().ListVMs(t.Context())
		require.NoError(t, err)
		assert.Empty(t, list)
	})
	t.Run("a cluster without any list of nodes", func(t *testing.T) {
		s := newStage(t, map[string][]reply{"GET /apps/v2/k8s/cluster/byId/a": {data(`{"identifier":"a"}`)}})
		_, err := s.client().KubeCluster(t.Context(), "a")
		require.ErrorContains(t, err, "data.nodes: there is no list")
	})
	t.Run("an answer beyond the limit", func(t *testing.T) {
		s := newStage(t, map[string][]reply{"GET /apps/v2/vm": {data(`"` + strings.Repeat("x", 1000) + `"`)}})
		_, err := s.client(func(o *Options) { o.MaxBodyBytes = 500 }).ListVMs(t.Context())
		require.ErrorContains(t, err, "longer than 500 bytes")
		assert.Equal(t, Unreadable, KindOf(err))
	})
}

func TestObjectsThatAreNotThere(t *testing.T) {
	for situation, r := range map[string]reply{
		"data false":             data(`false`),
		"data null":              data(`null`),
		"no data":                ok(`{"error":false}`),
		"HTTP 404":               status(http.StatusNotFound, `{"error":true,"message":"nope"}`),
		"code 404 in HTTP 200":   ok(`{"error":true,"code":404,"message":"nope"}`),
		"the message says so":    refused("Project Not Found"),
		"the message, otherwise": refused("this project does not exist"),
	} {
		t.Run(situation, func(t *testing.T) {
			s := newStage(t, map[string][]reply{"GET /apps/v2/projects/a": {r}})
			_, err := s.client().Project(t.Context(), "a")
			assert.True(t, IsNotFound(err), "%v", err)
			assert.Len(t, s.seen(), 1)
		})
	}
	t.Run("a list is never not found", func(t *testing.T) {
		s := newStage(t, map[string][]reply{"GET /apps/v2/vm": {status(http.StatusNotFound, `{"error":true,"message":"not found"}`)}})
		_, err := s.client().ListVMs(t.Context())
		assert.Equal(t, Invalid, KindOf(err))
	})
	t.Run("a 404 of the front end says nothing of the object", func(t *testing.T) {
		s := newStage(t, map[string][]reply{"GET /apps/v2/projects/a": {status(http.StatusNotFound, "<html>404</html>")}})
		_, err := s.client().Project(t.Context(), "a")
		require.ErrorContains(t, err, "are the URL and the prefixes right?")
		assert.Equal(t, Invalid, KindOf(err))
	})
}

func TestWhatElseIsRead(t *testing.T) {
	s := newStage(t, map[string][]reply{
		"GET /apps/v2/vm/pending": {data(`[{"id":"77","type":"vm","running":1,"user":{},"data":{"resourceIdentifier":"plan",
			"osIdentifier":"image","dcIdentifier":"dc","hostname":"WEB-1","addPublicIpV4":true,"tags":["k8s",""],
			"projectId":71128,"vmPassword":"x","processId":"` + someProcess + `"}}]`)},
		"GET /apps/v2/storages/vms": {data(`[{"identifier":"a","hostname":"HEL-Kubernetes-49ab-slave-11cc","ssd":"80",
			"default_ip":"203.0.113.9","default_ipv6":null,"private_ip":"10.0.0.9","dcIdentifier":"dc","type":"k8s"}]`)},
		"GET /apps/v2/datacenter": {ok(`{"error":false,"total":2,"data":[
			{"identifier":"dc","dc_name":"HEL","state":"Uusimaa","country":"Finland","is_active":1,"is_deleted":0,"is_private":1},
			{"identifier":"old","dc_name":"OLD","is_active":1,"is_deleted":1}]}`)},
		"GET /apps/v2/projects": {data(`{"rows":[{"id":71128,"identifier":"p","name":"web","description":"d","is_default":1}],"count":1}`)},
		"GET /apps/v2/vpc": {data(`[{"id":12,"name":"lan","network_range":"10.0.0.0","network_size":"24","is_default":"1",
			"dc_identifier":"dc","dc_name":"HEL"},{"id":"13","network_size":"/16"},{"id":14,"network_size":null}]`)},
		"GET /apps/v2/vpc/vms/12": {data(`[{"identifier":"a","hostname":"WEB-1","vpc_ip":"10.0.0.5","is_disconnected":0,
			"private_ip_id":9}]`)},
		"GET /apps/v2/sshkeys":         {data(`[{"identifier":"k","name":"ops","private_key":"ssh-ed25519 AAAA"}]`)},
		"GET /apps/v2/scripts":         {data(`[{"identifier":"s","name":"join.sh"}]`)},
		"GET /apps/v2/custom/images":   {data(`[{"identifier":"i","original_name":"o","changed_name":"talos","dcIdentifier":"dc","deleted":0}]`)},
		"GET /api/v2/plans/category":   {data(`[{"identifier":"c","name":"A"}]`)},
		"POST /apps/v2/resources":      {data(`[{"identifier":"plan","nickname":"s-2","cpu":2,"ram":4096,"ssd":80,"price":"24.50"}]`)},
		"GET /apps/v2/k8s/cluster/all": {data(`[{"identifier":"kc","cluster_name":"HEL-Kubernetes-49ab","kube_version":"v1.34.1","lock":1,"managerCount":1,"slaveCount":"2"}]`)},
		"GET /apps/v2/k8s/cluster/byId/kc": {data(`{"identifier":"kc","cluster_name":"c","nodes":[{"id":1,"hostname":"C-master-1","default_ip":"203.0.113.1"}],
			"slaves":[{"id":2,"identifier":"w","hostname":"C-slave-11cc","ip":"203.0.113.2","created_on":"2026-03-01 12:00:00"},{"id":1,"identifier":"m","hostname":"c-MASTER-1"},
			{"id":3,"identifier":"w2","hostname":"C-slave-11cc"}]}`)},
		"GET /apps/v2/k8s/node/groups/byClusterId/kc": {data(`[{"id":42,"identifier":"g","group_name":"GRP","boxsize_id":7,"nodes_count":3,
			"cpu":2,"ram":4096,"ssd":80,"dcIdentifier":"dc"},{"id":43,"identifier":"h","is_active":1,"is_deleted":1},{"id":44,"identifier":"i","is_active":0}]`)},
		"POST /apps/v2/k8s/offers": {data(`[{"id":7,"name":"small","cpu":2,"ram":4096,"disk":80,"price":24,"hourly_price":"0.0333"}]`)},
	})
	c := s.client()
	check := func(want, got any, err error) {
		t.Helper()
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	ctx := t.Context()
	pending, err := c.PendingVMs(ctx)
	check([]PendingVM{{
		ID: "77", Hostname: "web-1", ReportedHostname: "WEB-1", Offering: "plan", OSImage: "image", Datacenter: "dc",
		Project: "71128", ProcessID: someProcess, Tags: []string{"k8s"},
	}}, pending, err)
	all, err := c.ListAllVMs(ctx)
	check([]StorageVM{{
		ID: "a", Hostname: "hel-kubernetes-49ab-slave-11cc", ReportedHostname: "HEL-Kubernetes-49ab-slave-11cc",
		IP: "203.0.113.9", PrivateIP: "10.0.0.9", DiskBytes: 80 << 30, Datacenter: "dc", Type: "k8s",
	}}, all, err)
	datacenters, err := c.Datacenters(ctx)
	check([]Datacenter{
		{ID: "dc", Name: "HEL", State: "Uusimaa", Country: "Finland", Active: true, Private: true}, {ID: "old", Name: "OLD"},
	}, datacenters, err)
	projects, err := c.Projects(ctx)
	check([]Project{{ID: "p", Number: 71128, Name: "web", Description: "d", Default: true}}, projects, err)
	vpcs, err := c.VPCs(ctx)
	check([]VPC{
		{ID: 12, Name: "lan", Network: "10.0.0.0", PrefixLength: 24, Default: true, Datacenter: "dc", DatacenterName: "HEL"},
		{ID: 13, PrefixLength: 16}, {ID: 14},
	}, vpcs, err)
	members, err := c.VPCMembers(ctx, 12)
	check([]VPCMember{{VM: "a", Hostname: "web-1", IP: "10.0.0.5", PrivateIPID: 9}}, members, err)
	keys, err := c.SSHKeys(ctx)
	check([]SSHKey{{ID: "k", Name: "ops"}}, keys, err)
	scripts, err := c.Scripts(ctx)
	check([]Script{{ID: "s", Name: "join.sh"}}, scripts, err)
	images, err := c.CustomImages(ctx)
	check([]Image{{ID: "i", Name: "talos", Datacenter: "dc"}}, images, err)
	categories, err := c.PlanCategories(ctx)
	check([]PlanCategory{{ID: "c", Name: "A"}}, categories, err)
	plans, err := c.Plans(ctx, "dc", "image", "c")
	check([]Plan{{ID: "plan", Name: "s-2", CPU: 2, MemoryBytes: 4 << 30, DiskBytes: 80 << 30, PricePerMonth: 24.5}}, plans, err)
	clusters, err := c.KubeClusters(ctx)
	check([]KubeCluster{{
		ID: "kc", Name: "HEL-Kubernetes-49ab", Version: "1.34.1", Locked: true, Managers: 1, Workers: 2,
	}}, clusters, err)
	cluster, err := c.KubeCluster(ctx, "kc")
	check(&KubeCluster{ID: "kc", Name: "c", Nodes: []KubeNode{
		{ID: "m", Number: 1, Hostname: "c-master-1", ReportedHostname: "C-master-1", IP: "203.0.113.1"},
		{
			ID: "w", Number: 2, Hostname: "c-slave-11cc", ReportedHostname: "C-slave-11cc", IP: "203.0.113.2",
			Created: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		},
		{ID: "w2", Number: 3, Hostname: "c-slave-11cc", ReportedHostname: "C-slave-11cc"},
	}}, cluster, err)
	groups, err := c.KubeGroups(ctx, "kc")
	check([]KubeGroup{
		{
			ID: "g", Number: 42, Name: "GRP", SizeID: 7, Nodes: 3, CPU: 2, MemoryBytes: 4 << 30, DiskBytes: 80 << 30,
			Datacenter: "dc", Active: true,
		},
		{ID: "h", Number: 43}, {ID: "i", Number: 44},
	}, groups, err)
	offers, err := c.KubeOffers(ctx, "dc")
	check([]KubeOffer{{
		ID: 7, Name: "small", CPU: 2, MemoryBytes: 4 << 30, DiskBytes: 80 << 30, PricePerMonth: 24, PricePerHour: 0.0333,
	}}, offers, err)
}

func TestTagsInEachForm(t *testing.T) {
	for situation, payload := range map[string]string{
		"names": `["a","b"]`, "objects": `[{"name":"a"},{"tag":"b"}]`, "grouped": `{"boxes":["a","b"],"ssh_keys":["c"]}`,
	} {
		s := newStage(t, map[string][]reply{"GET /apps/v2/tags": {data(payload)}})
		tags, err := s.client().Tags(t.Context(), "vm")
		require.NoError(t, err, situation)
		assert.Equal(t, []string{"a", "b"}, tags, situation)
	}
	s := newStage(t, map[string][]reply{"GET /apps/v2/tags": {refused("no")}})
	_, err := s.client().Tags(t.Context(), "vm")
	assert.Equal(t, Refused, KindOf(err))
}

// What VPSie answers when it adds a worker: most often nothing but yes.
func TestAddedWorker(t *testing.T) {
	for _, c := range []struct {
		situation, payload string
		want               *KubeNode
	}{
		{"only accepted", `true`, nil},
		{"no data", `null`, nil},
		{"the node", `{"id":5,"identifier":"w","hostname":"C-slave-1"}`, &KubeNode{ID: "w", Number: 5, Hostname: "c-slave-1", ReportedHostname: "C-slave-1"}},
		{"an object that says nothing", `{"status":"queued"}`, nil},
		{"a node that cannot be read was added all the same", `{"id":-5,"identifier":"w"}`, nil},
	} {
		t.Run(c.situation, func(t *testing.T) {
			s := newStage(t, map[string][]reply{"POST /apps/v2/k8s/cluster/byId/kc/add/slave/group/42": {data(c.payload)}})
			node, err := s.client().AddKubeNode(t.Context(), "kc", 42)
			require.NoError(t, err)
			assert.Equal(t, c.want, node)
		})
	}
	t.Run("false says neither yes nor no", func(t *testing.T) {
		s := newStage(t, map[string][]reply{"POST /apps/v2/k8s/cluster/byId/kc/add/slave/group/42": {data(`false`)}})
		_, err := s.client().AddKubeNode(t.Context(), "kc", 42)
		assert.True(t, IsAmbiguous(err))
	})
	t.Run("false for a deletion is an object that is not there", func(t *testing.T) {
		s := newStage(t, map[string][]reply{"DELETE /apps/v2/vm": {data(`false`)}})
		assert.True(t, IsNotFound(s.client().DeleteVM(t.Context(), "a", "why")))
	})
}
