package fake_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

const hel = "/apps/v2/k8s/cluster/byId/hel"

func newCluster(t *testing.T, change ...func(*fake.Config)) *account {
	config := fake.Config{
		QueueDelay: fake.Delay{Base: time.Minute},
		Clusters:   []fake.Cluster{{Identifier: "hel", Name: "HEL-Kubernetes-49ab", Datacenter: "ams1", Version: "1.37.2", WorkerCap: 3}},
	}
	for _, c := range change {
		c(&config)
	}
	return newAccount(t, config)
}

// group makes a group of workers of this offering and returns its number.
func (a *account) group(offering string) float64 {
	a.Helper()
	var size any
	for _, o := range a.do("POST", "/apps/v2/k8s/offers", object{"dcIdentifier": "ams1"}).list() {
		if o.(map[string]any)["name"] == offering {
			size = o.(map[string]any)["id"]
		}
	}
	require.NotNil(a, size)
	got := a.do("POST", "/apps/v2/k8s/cluster/add/group", object{"clusterIdentifier": "hel", "groupName": "GRP-" + offering, "KubeSizeID": size})
	require.Equal(a, false, got.fields["error"], got.text)
	groups := a.get("/apps/v2/k8s/node/groups/byClusterId/hel").list()
	last := groups[len(groups)-1].(map[string]any)
	assert.Equal(a, size, last["boxsize_id"])
	return last["id"].(float64)
}

func (a *account) workers() []map[string]any {
	a.Helper()
	var workers []map[string]any
	for _, n := range a.get(hel).object()["nodes"].([]any) {
		if node := n.(map[string]any); node["role"] == "slave" {
			workers = append(workers, node)
		}
	}
	return workers
}

func TestManagedWorkers(t *testing.T) {
	a := newCluster(t)
	g := a.group("std-2c4g")
	add := fmt.Sprintf("%s/add/slave/group/%v", hel, g)
	for range 3 {
		assert.Equal(t, false, a.do("POST", add, nil).fields["error"])
	}
	assert.Equal(t, "Worker nodes count exceeds the allowed limit", a.do("POST", add, nil).message())
	assert.Empty(t, a.workers(), "a worker comes after a while")
	assert.Empty(t, a.get("/apps/v2/vm/pending").list(), "and is in no queue")

	a.clock.Step(time.Minute)
	require.Len(t, a.workers(), 3)
	assert.Empty(t, a.get("/apps/v2/vm").list(), "workers are in no list of machines")
	assert.Len(t, a.get("/apps/v2/storages/vms").list(), 3, "but in this one")
	assert.Contains(t, strings.ToLower(a.workers()[0]["hostname"].(string)), "hel-kubernetes-49ab-slave-")
	assert.Equal(t, "3", fmt.Sprint(a.get("/apps/v2/k8s/cluster/all").record(0)["slaveCount"]))

	id := a.workers()[1]["identifier"].(string)
	got := a.do("DELETE", hel+"/delete/slave", object{"identifier": id})
	assert.NotEqual(t, true, got.fields["error"], "no password is asked for")
	for _, w := range a.workers() {
		assert.NotEqual(t, id, w["identifier"], "the one that was named is gone")
	}
	assert.Len(t, a.workers(), 2)
	a.do("DELETE", hel+"/reduce/slave", object{"groupId": g})
	assert.Len(t, a.workers(), 1)
	a.do("DELETE", hel+"/reduce", nil)
	assert.Empty(t, a.workers())
	assert.Contains(t, a.do("DELETE", hel+"/reduce", nil).message(), "no nodes to remove")
}

func TestGroups(t *testing.T) {
	a := newCluster(t)
	a.group("std-2c4g")
	groups := "/apps/v2/k8s/node/groups/byClusterId/hel"
	group := a.get(groups).record(0)
	again := a.do("POST", "/apps/v2/k8s/cluster/add/group", object{"clusterIdentifier": "hel", "groupName": "x", "KubeSizeID": group["boxsize_id"]})
	assert.Equal(t, "Group GRP-std-2c4g has same selected Size, please select another size", again.message())
	assert.Contains(t, a.do("POST", "/apps/v2/k8s/cluster/add/group", object{"clusterIdentifier": "hel", "groupName": "x", "KubeSizeID": 1}).message(), "Size not found")
	a.do("POST", hel+"/add/slave", nil) // into the only group

	path := "/apps/v2/k8s/cluster/delete/group/" + group["identifier"].(string)
	assert.Contains(t, a.do("DELETE", path, nil).message(), "reason")
	assert.Equal(t, true, a.do("DELETE", path, deletion("")).data())
	assert.Empty(t, a.get(groups).list())
	assert.Empty(t, a.Pending(), "its workers are gone as well")
	for _, nowhere := range []answer{
		a.do("DELETE", path, deletion("")), a.get("/apps/v2/k8s/cluster/byId/x"), a.get("/apps/v2/k8s/node/groups/byClusterId/x"),
		a.do("POST", hel+"/add/slave/group/9", nil), a.do("DELETE", "/apps/v2/k8s/cluster/byId/x/reduce", nil),
		a.do("DELETE", hel+"/reduce/slave", object{"groupId": 9}), a.do("DELETE", hel+"/delete/slave", object{"identifier": "x"}),
		a.do("POST", "/apps/v2/k8s/cluster/add/group", object{"clusterIdentifier": "x"}),
	} {
		assert.Equal(t, false, nowhere.fields["error"])
		assert.NotEqual(t, true, nowhere.data())
	}
}

func TestWorkerThatIsNamedAtOnce(t *testing.T) {
	a := newCluster(t, func(c *fake.Config) { c.Clusters[0].WorkerCap = 0 })
	add := fmt.Sprintf("%s/add/slave/group/%v", hel, a.group("std-2c4g"))
	named, accepted := 0, 0
	for range 40 {
		if got := a.do("POST", add, nil); got.data() == true {
			accepted++
		} else if got.object()["identifier"] != "" {
			named++
		}
	}
	assert.Greater(t, named, 0)
	assert.Greater(t, accepted, named)
}
