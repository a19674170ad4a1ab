package live_test

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/live"
)

// cluster serves something of every kind that the simulator's Objects hold.
func cluster() *server {
	one := func(apiVersion, kind string) served {
		return served{apiVersion, kind + "List", []any{named("shop", "one", nil)}}
	}
	onNode := map[string]any{"spec": map[string]any{"nodeName": "n1"}}
	deleted := named("shop", "deleted", nil)
	deleted["metadata"].(map[string]any)["deletionTimestamp"] = "2026-01-01T00:00:00Z"
	leaving := named("shop", "leaving", onNode)
	leaving["metadata"].(map[string]any)["deletionTimestamp"] = "2026-01-01T00:00:00Z"
	return &server{
		lists: map[string]served{
			"/api/v1/pods": {"v1", "PodList", []any{
				named("shop", "a", onNode), named("shop", "b", nil), deleted, leaving, named("shop", "c", nil),
			}},
			"/api/v1/nodes":                                   {"v1", "NodeList", []any{named("", "n1", nil), named("", "n2", nil), named("", "n3", nil)}},
			"/api/v1/namespaces":                              one("v1", "Namespace"),
			"/api/v1/services":                                one("v1", "Service"),
			"/api/v1/replicationcontrollers":                  one("v1", "ReplicationController"),
			"/api/v1/persistentvolumes":                       one("v1", "PersistentVolume"),
			"/api/v1/persistentvolumeclaims":                  one("v1", "PersistentVolumeClaim"),
			"/apis/apps/v1/daemonsets":                        one("apps/v1", "DaemonSet"),
			"/apis/apps/v1/replicasets":                       one("apps/v1", "ReplicaSet"),
			"/apis/apps/v1/statefulsets":                      one("apps/v1", "StatefulSet"),
			"/apis/storage.k8s.io/v1/storageclasses":          one("storage.k8s.io/v1", "StorageClass"),
			"/apis/storage.k8s.io/v1/csinodes":                one("storage.k8s.io/v1", "CSINode"),
			"/apis/storage.k8s.io/v1/csidrivers":              one("storage.k8s.io/v1", "CSIDriver"),
			"/apis/storage.k8s.io/v1/csistoragecapacities":    one("storage.k8s.io/v1", "CSIStorageCapacity"),
			"/apis/storage.k8s.io/v1/volumeattachments":       one("storage.k8s.io/v1", "VolumeAttachment"),
			"/apis/resource.k8s.io/v1/resourceslices":         one("resource.k8s.io/v1", "ResourceSlice"),
			"/apis/resource.k8s.io/v1/resourceclaims":         one("resource.k8s.io/v1", "ResourceClaim"),
			"/apis/resource.k8s.io/v1/resourceclaimtemplates": one("resource.k8s.io/v1", "ResourceClaimTemplate"),
			"/apis/resource.k8s.io/v1/deviceclasses":          one("resource.k8s.io/v1", "DeviceClass"),
			"/apis/resource.k8s.io/v1/devicetaintrules":       one("resource.k8s.io/v1", "DeviceTaintRule"),
			"/apis/scheduling.k8s.io/v1/priorityclasses":      one("scheduling.k8s.io/v1", "PriorityClass"),
			"/apis/scheduling.k8s.io/v1beta1/podgroups":       one("scheduling.k8s.io/v1beta1", "PodGroup"),
			"/apis/policy/v1/poddisruptionbudgets":            one("policy/v1", "PodDisruptionBudget"),
			"/apis/autoscaler.vpsie.com/v1alpha1/nodegroups":  {"autoscaler.vpsie.com/v1alpha1", "NodeGroupList", []any{named("", "general", map[string]any{"spec": map[string]any{"maxNodes": 7}})}},
		},
		status: map[string]int{},
	}
}

func TestReadListsEveryKindOfObjects(t *testing.T) {
	s := cluster()
	snapshot, err := live.Read(t.Context(), start(t, s))
	require.NoError(t, err)
	assert.Empty(t, snapshot.Notes)

	lists := reflect.ValueOf(snapshot.Objects)
	for i := range lists.NumField() {
		assert.Positive(t, lists.Field(i).Len(), "no %s were read", lists.Type().Field(i).Name)
	}
	var pods []string
	for _, pod := range snapshot.Objects.Pods {
		pods = append(pods, pod.Name)
		assert.Empty(t, pod.ManagedFields, "nobody needs them")
	}
	assert.Equal(t, []string{"a", "b", "leaving", "c"}, pods, "all pages, without pods that were deleted before they got a node")
	assert.Len(t, snapshot.Objects.Nodes, 3)
	require.Len(t, snapshot.NodeGroups, 1)
	assert.Equal(t, int32(7), snapshot.NodeGroups[0].Spec.MaxNodes)

	assert.Equal(t, "/version?", s.asked[0])
	assert.Equal(t, "/api/v1/pods?status.phase!=Succeeded,status.phase!=Failed", s.asked[1], "finished pods need no room")
	for _, asked := range s.asked {
		for _, never := range []string{"secrets", "configmaps", "serviceaccounts"} {
			assert.NotContains(t, asked, never)
		}
	}
}

func TestWhatAnOlderClusterDoesNotServeIsEmpty(t *testing.T) {
	s := cluster()
	for _, path := range []string{"/apis/resource.k8s.io/v1/resourceslices", "/apis/scheduling.k8s.io/v1beta1/podgroups", "/apis/autoscaler.vpsie.com/v1alpha1/nodegroups"} {
		delete(s.lists, path)
	}
	snapshot, err := live.Read(t.Context(), start(t, s))
	require.NoError(t, err)
	assert.Empty(t, snapshot.Notes)
	assert.Empty(t, snapshot.Objects.ResourceSlices)
	assert.Empty(t, snapshot.NodeGroups)
}

func TestWhatMayNotBeListedIsNoted(t *testing.T) {
	s := cluster()
	s.status["/apis/policy/v1/poddisruptionbudgets"] = http.StatusForbidden
	s.status["/apis/storage.k8s.io/v1/csinodes"] = http.StatusForbidden
	s.status["/apis/autoscaler.vpsie.com/v1alpha1/nodegroups"] = http.StatusForbidden
	snapshot, err := live.Read(t.Context(), start(t, s))
	require.NoError(t, err)
	assert.Equal(t, []string{
		"not allowed to list csinodes: the plan is made as if there were none",
		"not allowed to list poddisruptionbudgets: the plan is made as if there were none",
		"not allowed to list nodegroups: the plan is made as if there were none",
	}, snapshot.Notes)
}

func TestErrorsOfACluster(t *testing.T) {
	tests := []struct {
		situation string
		spoil     func(*server)
		want      string
	}{
		{"pods may not be listed", func(s *server) { s.status["/api/v1/pods"] = http.StatusForbidden }, "list pods: the server says Forbidden"},
		{"nodes may not be listed", func(s *server) { s.status["/api/v1/nodes"] = http.StatusForbidden }, "list nodes: "},
		{"no such path as pods", func(s *server) { delete(s.lists, "/api/v1/pods") }, "list pods: "},
		{"credentials that ended", func(s *server) { s.status["/api/v1/services"] = http.StatusUnauthorized }, "list services: "},
		{"NodeGroups that break", func(s *server) { s.status["/apis/autoscaler.vpsie.com/v1alpha1/nodegroups"] = http.StatusUnauthorized }, "list nodegroups: "},
		{"NodeGroups of another form", func(s *server) {
			s.lists["/apis/autoscaler.vpsie.com/v1alpha1/nodegroups"] = served{"autoscaler.vpsie.com/v1alpha1", "NodeGroupList", []any{"a string"}}
		}, "list nodegroups: "},
	}
	for _, tc := range tests {
		t.Run(tc.situation, func(t *testing.T) {
			s := cluster()
			tc.spoil(s)
			_, err := live.Read(t.Context(), start(t, s))
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestUnreachableClusterIsOneClearLine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	_, err = live.Read(t.Context(), &rest.Config{Host: "http://" + address})
	require.ErrorContains(t, err, "cluster at http://"+address+": dial tcp")
	assert.Equal(t, 1, strings.Count(err.Error(), "cluster at"))
}

// A server that accepts and then is silent does not hold the user up.
func TestSilentClusterIsGivenUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	_, err = live.Read(t.Context(), &rest.Config{Host: "http://" + listener.Addr().String(), Timeout: 50 * time.Millisecond})
	assert.ErrorContains(t, err, "cluster at http://"+listener.Addr().String()+": no answer within 50ms")
}

func TestCancelledReadEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := live.Read(ctx, start(t, cluster()))
	assert.ErrorIs(t, err, context.Canceled)
}

func TestBadConnectionSettings(t *testing.T) {
	_, err := live.Read(t.Context(), &rest.Config{Host: "https://x", TLSClientConfig: rest.TLSClientConfig{CAFile: "/does/not/exist"}})
	assert.ErrorContains(t, err, "cluster at https://x: ")
}

func TestNodeNames(t *testing.T) {
	s := cluster()
	names, err := live.NodeNames(t.Context(), start(t, s))
	require.NoError(t, err)
	assert.Equal(t, []string{"n1", "n2", "n3"}, names)
	assert.Len(t, s.asked, 3, "version and two pages of nodes, nothing else")

	s.status["/api/v1/nodes"] = http.StatusForbidden
	_, err = live.NodeNames(t.Context(), start(t, s))
	assert.Error(t, err)
}
