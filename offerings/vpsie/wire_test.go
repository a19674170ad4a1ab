package vpsie

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What goes over the wire for each operation, to the letter of the routes and
// bodies that VPSie's own clients use.
func TestRequestsAsSent(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		operation                 string
		do                        func(context.Context, *Client) error
		method, path, query, body string
		contentType               string
		reply                     reply
	}{
		{
			operation: "ListVMs", do: func(ctx context.Context, c *Client) error { _, err := c.ListVMs(ctx); return err },
			method: http.MethodGet, path: "/apps/v2/vm", reply: data(`[]`),
		},
		{
			operation: "GetVM", do: func(ctx context.Context, c *Client) error { _, err := c.GetVM(ctx, someID); return err },
			method: http.MethodGet, path: "/apps/v2/vm/" + someID,
			reply: data(`{"vmData":{"identifier":"` + someID + `","hostname":"a"}}`),
		},
		{
			operation: "PendingVMs", do: func(ctx context.Context, c *Client) error { _, err := c.PendingVMs(ctx); return err },
			method: http.MethodGet, path: "/apps/v2/vm/pending", reply: data(`[]`),
		},
		{
			operation: "CreateVM, all that can be asked for", do: func(ctx context.Context, c *Client) error {
				return c.CreateVM(ctx, VMRequest{
					Hostname: "vpsie-web-7k2p", Offering: someID, OSImage: imageID, Datacenter: helsinki, Project: "71128",
					SSHKey: "key-1", Script: "script-1", UserData: []byte("#cloud-config\n"), Notes: "vpsie-web-7k2p",
					Tags: []string{"k8s"}, PublicIPv4: true, PrivateIP: true, WeeklyBackup: true, ProcessID: someProcess,
				})
			},
			method: http.MethodPost, path: "/apps/v2/vm", reply: data(`true`),
			body: `{"hostname":"vpsie-web-7k2p","resourceIdentifier":"` + someID + `","osIdentifier":"` + imageID + `",
				"dcIdentifier":"` + helsinki + `","projectId":"71128","sshKeyIdentifier":"key-1","scriptIdentifier":"script-1",
				"userData":"I2Nsb3VkLWNvbmZpZwo=","notes":"vpsie-web-7k2p","tags":["k8s"],
				"addPublicIpV4":"1","addPublicIpV6":"0","addPrivateIp":"1",
				"backupEnabled":"0","weeklyBackupEnabled":"1","monthlyBackupEnabled":"0","processId":"` + someProcess + `"}`,
		},
		{
			operation: "CreateVM, the least", do: func(ctx context.Context, c *Client) error {
				return c.CreateVM(ctx, VMRequest{Hostname: "a", Offering: someID, OSImage: imageID, Datacenter: helsinki})
			},
			method: http.MethodPost, path: "/apps/v2/vm", reply: status(http.StatusNoContent, ""),
			body: `{"hostname":"a","resourceIdentifier":"` + someID + `","osIdentifier":"` + imageID + `",
				"dcIdentifier":"` + helsinki + `","addPublicIpV4":"0","addPublicIpV6":"0","addPrivateIp":"0",
				"backupEnabled":"0","weeklyBackupEnabled":"0","monthlyBackupEnabled":"0"}`,
		},
		{
			operation: "CreateVM, an offering with a price of its own in the datacenter",
			do: func(ctx context.Context, c *Client) error {
				return c.CreateVM(ctx, VMRequest{
					Hostname: "a", Offering: someID + "/" + helsinki, OSImage: imageID, Datacenter: helsinki,
				})
			},
			method: http.MethodPost, path: "/apps/v2/vm", reply: ok(`{"error":false}`),
			body: `{"hostname":"a","resourceIdentifier":"` + someID + `","osIdentifier":"` + imageID + `",
				"dcIdentifier":"` + helsinki + `","addPublicIpV4":"0","addPublicIpV6":"0","addPrivateIp":"0",
				"backupEnabled":"0","weeklyBackupEnabled":"0","monthlyBackupEnabled":"0"}`,
		},
		{
			operation: "DeleteVM sends the account's password",
			do:        func(ctx context.Context, c *Client) error { return c.DeleteVM(ctx, someID, "scale-down") },
			method:    http.MethodDelete, path: "/apps/v2/vm", reply: ok(`{"error":false,"data":null}`),
			body: `{"vmIdentifier":"` + someID + `","password":"` + password + `","deleteStatistic":{"reason":"scale-down"}}`,
		},
		{
			operation: "ListAllVMs", do: func(ctx context.Context, c *Client) error { _, err := c.ListAllVMs(ctx); return err },
			method: http.MethodGet, path: "/apps/v2/storages/vms", reply: data(`[]`),
		},
		{
			operation: "Datacenters", do: func(ctx context.Context, c *Client) error { _, err := c.Datacenters(ctx); return err },
			method: http.MethodGet, path: "/apps/v2/datacenter", query: "limit=100&offset=0", reply: data(`[]`),
		},
		{
			operation: "Projects", do: func(ctx context.Context, c *Client) error { _, err := c.Projects(ctx); return err },
			method: http.MethodGet, path: "/apps/v2/projects", query: "limit=100&offset=0", reply: data(`{"rows":[],"count":0}`),
		},
		{
			operation: "Project", do: func(ctx context.Context, c *Client) error { _, err := c.Project(ctx, someID); return err },
			method: http.MethodGet, path: "/apps/v2/projects/" + someID, reply: data(`{"identifier":"` + someID + `"}`),
		},
		{
			operation: "VPCs", do: func(ctx context.Context, c *Client) error { _, err := c.VPCs(ctx); return err },
			method: http.MethodGet, path: "/apps/v2/vpc", reply: data(`[]`),
		},
		{
			operation: "AddVMToVPC",
			do:        func(ctx context.Context, c *Client) error { return c.AddVMToVPC(ctx, someID, 12, helsinki) },
			method:    http.MethodPost, path: "/apps/v2/vm/add/vpc", reply: data(`true`),
			body: `{"vmIdentifier":"` + someID + `","vpcId":12,"dcIdentifier":"` + helsinki + `"}`,
		},
		{
			operation: "VPCMembers", do: func(ctx context.Context, c *Client) error { _, err := c.VPCMembers(ctx, 12); return err },
			method: http.MethodGet, path: "/apps/v2/vpc/vms/12", reply: data(`false`),
		},
		{
			operation: "SSHKeys", do: func(ctx context.Context, c *Client) error { _, err := c.SSHKeys(ctx); return err },
			method: http.MethodGet, path: "/apps/v2/sshkeys", reply: data(`null`),
		},
		{
			operation: "Scripts", do: func(ctx context.Context, c *Client) error { _, err := c.Scripts(ctx); return err },
			method: http.MethodGet, path: "/apps/v2/scripts", reply: data(`[]`),
		},
		{
			operation: "AddScript",
			do:        func(ctx context.Context, c *Client) error { return c.AddScript(ctx, "join", "#!/bin/bash\n", "k8s") },
			method:    http.MethodPost, path: "/apps/v2/script/add", reply: data(`true`),
			body: `{"name":"join","scriptContent":"#!/bin/bash\n","scriptType":"bash","tags":["k8s"]}`,
		},
		{
			operation: "DeleteScript", do: func(ctx context.Context, c *Client) error { return c.DeleteScript(ctx, someID) },
			method: http.MethodDelete, path: "/apps/v2/script", reply: data(`true`), body: `{"scriptIdentifier":"` + someID + `"}`,
		},
		{
			operation: "Tags", do: func(ctx context.Context, c *Client) error { _, err := c.Tags(ctx, someID); return err },
			method: http.MethodGet, path: "/apps/v2/tags", query: "entity=boxes&identifier=" + someID, reply: data(`[]`),
		},
		{
			operation: "SetVMTags",
			do:        func(ctx context.Context, c *Client) error { return c.SetVMTags(ctx, someID, nil) },
			method:    http.MethodPut, path: "/apps/v2/tags/edit", reply: data(`true`),
			body: `{"entity":"boxes","identifier":"` + someID + `","tags":[]}`,
		},
		{
			operation: "CustomImages",
			do:        func(ctx context.Context, c *Client) error { _, err := c.CustomImages(ctx); return err },
			method:    http.MethodGet, path: "/apps/v2/custom/images", query: "limit=100&offset=0", reply: data(`[]`),
		},
		{
			operation: "PlanCategories",
			do:        func(ctx context.Context, c *Client) error { _, err := c.PlanCategories(ctx); return err },
			method:    http.MethodGet, path: "/api/v2/plans/category", reply: data(`[]`),
		},
		{
			operation: "Plans", contentType: form,
			do: func(ctx context.Context, c *Client) error {
				_, err := c.Plans(ctx, helsinki, imageID, otherID)
				return err
			},
			method: http.MethodPost, path: "/apps/v2/resources", reply: data(`[]`),
			body: "dcIdentifier=" + helsinki + "&description=query&isCustom=0&name=query&osIdentifier=" + imageID +
				"&planCatIdentifier=" + otherID,
		},
		{
			operation: "KubeClusters", do: func(ctx context.Context, c *Client) error { _, err := c.KubeClusters(ctx); return err },
			method: http.MethodGet, path: "/apps/v2/k8s/cluster/all", reply: data(`[]`),
		},
		{
			operation: "KubeCluster",
			do:        func(ctx context.Context, c *Client) error { _, err := c.KubeCluster(ctx, someID); return err },
			method:    http.MethodGet, path: "/apps/v2/k8s/cluster/byId/" + someID,
			reply: data(`{"identifier":"` + someID + `","nodes":[]}`),
		},
		{
			operation: "KubeGroups",
			do:        func(ctx context.Context, c *Client) error { _, err := c.KubeGroups(ctx, someID); return err },
			method:    http.MethodGet, path: "/apps/v2/k8s/node/groups/byClusterId/" + someID, reply: data(`[]`),
		},
		{
			operation: "AddKubeGroup",
			do:        func(ctx context.Context, c *Client) error { return c.AddKubeGroup(ctx, someID, "web", 7) },
			method:    http.MethodPost, path: "/apps/v2/k8s/cluster/add/group", reply: data(`{"groupId":3}`),
			body: `{"clusterIdentifier":"` + someID + `","groupName":"web","KubeSizeID":7}`,
		},
		{
			operation: "DeleteKubeGroup",
			do: func(ctx context.Context, c *Client) error {
				return c.DeleteKubeGroup(ctx, otherID, "NodeGroup deleted")
			},
			method: http.MethodDelete, path: "/apps/v2/k8s/cluster/delete/group/" + otherID, reply: data(`true`),
			body: `{"deleteStatistic":{"reason":"NodeGroup deleted"}}`,
		},
		{
			operation: "KubeOffers",
			do:        func(ctx context.Context, c *Client) error { _, err := c.KubeOffers(ctx, helsinki); return err },
			method:    http.MethodPost, path: "/apps/v2/k8s/offers", reply: data(`[]`), body: `{"dcIdentifier":"` + helsinki + `"}`,
		},
		{
			operation: "AddKubeNode",
			do:        func(ctx context.Context, c *Client) error { _, err := c.AddKubeNode(ctx, someID, 42); return err },
			method:    http.MethodPost, path: "/apps/v2/k8s/cluster/byId/" + someID + "/add/slave/group/42", reply: data(`true`),
		},
		{
			operation: "DeleteKubeNode",
			do: func(ctx context.Context, c *Client) error {
				return c.DeleteKubeNode(ctx, someID, otherID, "scale-down")
			},
			method: http.MethodDelete, path: "/apps/v2/k8s/cluster/byId/" + someID + "/delete/slave", reply: data(`true`),
			body: `{"identifier":"` + otherID + `"}`,
		},
	} {
		t.Run(c.operation, func(t *testing.T) {
			s := newStage(t, map[string][]reply{c.method + " " + c.path: {c.reply}})
			require.NoError(t, c.do(t.Context(), s.client(func(o *Options) { o.UserAgent = "test/1" })))
			seen := s.seen()
			require.Len(t, seen, 1)
			got := seen[0]
			assert.Equal(t, c.query, got.query)
			switch {
			case c.contentType == form:
				assert.Equal(t, c.body, got.body)
				assert.Equal(t, form, got.header.Get("Content-Type"))
			case c.body == "":
				assert.Empty(t, got.body)
			default:
				assert.JSONEq(t, c.body, got.body)
				assert.Equal(t, "application/json", got.header.Get("Content-Type"))
			}
			assert.Equal(t, "application/json", got.header.Get("Accept"))
			assert.Equal(t, "test/1", got.header.Get("User-Agent"))
			assert.Equal(t, token, got.header.Get("Vpsie-Auth"))
			assert.Empty(t, got.header.Get("Authorization"), "a personal token is not known to work as Bearer")
			assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, got.header.Get("X-Request-ID"))
			assert.Empty(t, got.header.Get("Idempotency-Key"), "Go's transport would repeat the request")
		})
	}
}

func TestPrefixes(t *testing.T) {
	s := newStage(t, map[string][]reply{
		"GET /api/v2/vm":              {data(`[]`)},
		"GET /other/storages/vms":     {data(`[]`)},
		"GET /apps/v2/plans/category": {data(`[]`)},
	})
	c := s.client(func(o *Options) {
		o.VMPrefix, o.Prefix, o.PlanPrefix = "/api/v2", "/other", "/apps/v2"
		o.BaseURL += "/apps/v2" // as VPSie's own tools have it; each route has its own prefix
	})
	_, err := c.ListVMs(t.Context())
	require.NoError(t, err)
	_, err = c.ListAllVMs(t.Context())
	require.NoError(t, err)
	_, err = c.PlanCategories(t.Context())
	require.NoError(t, err)
	assert.Len(t, s.seen(), 3)
}

// Requests that VPSie could only refuse, or misread, are not sent.
func TestRequestsNotSent(t *testing.T) {
	good := VMRequest{Hostname: "a", Offering: someID, OSImage: imageID, Datacenter: helsinki}
	create := func(change func(*VMRequest)) func(context.Context, *Client) error {
		vm := good
		change(&vm)
		return func(ctx context.Context, c *Client) error { return c.CreateVM(ctx, vm) }
	}
	for _, c := range []struct {
		situation string
		do        func(context.Context, *Client) error
		want      string
	}{
		{"hostname in upper case", create(func(vm *VMRequest) { vm.Hostname = "Web" }), "Hostname must be an RFC 1123 label"},
		{"hostname with a newline", create(func(vm *VMRequest) { vm.Hostname = "web\n" }), "Hostname must be"},
		{"no offering", create(func(vm *VMRequest) { vm.Offering = "" }), "Offering is empty"},
		{
			"offering of another datacenter", create(func(vm *VMRequest) { vm.Offering += "/" + dallas }),
			"is not sold in datacenter",
		},
		{"no image", create(func(vm *VMRequest) { vm.OSImage = "" }), "OSImage is empty"},
		{"odd project", create(func(vm *VMRequest) { vm.Project = "a b" }), "Project is not an identifier"},
		{"process ID that is no UUID", create(func(vm *VMRequest) { vm.ProcessID = "1" }), "ProcessID must be a UUID"},
		{"empty tag", create(func(vm *VMRequest) { vm.Tags = []string{""} }), "Tags has an empty one"},
		{
			"identifier that would be another path",
			func(ctx context.Context, c *Client) error { _, err := c.GetVM(ctx, "../projects"); return err }, "id is not an identifier",
		},
		{
			"identifier of dots",
			func(ctx context.Context, c *Client) error { _, err := c.Project(ctx, ".."); return err }, "id is not an identifier",
		},
		{
			"deletion without identifier",
			func(ctx context.Context, c *Client) error { return c.DeleteVM(ctx, "", "why") }, "id is empty",
		},
		{
			"deletion without reason",
			func(ctx context.Context, c *Client) error { return c.DeleteVM(ctx, someID, "") }, "reason is empty",
		},
		{
			"VPC 0", func(ctx context.Context, c *Client) error { return c.AddVMToVPC(ctx, someID, 0, helsinki) },
			"vpcID must be greater than 0",
		},
		{
			"VPC without machine", func(ctx context.Context, c *Client) error { return c.AddVMToVPC(ctx, "", 1, helsinki) },
			"vmID is empty",
		},
		{
			"members of VPC -1", func(ctx context.Context, c *Client) error { _, err := c.VPCMembers(ctx, -1); return err },
			"vpcID must be greater than 0",
		},
		{"script without name", func(ctx context.Context, c *Client) error { return c.AddScript(ctx, "", "x") }, "name is empty"},
		{"script without content", func(ctx context.Context, c *Client) error { return c.AddScript(ctx, "x", "") }, "content is empty"},
		{"script without identifier", func(ctx context.Context, c *Client) error { return c.DeleteScript(ctx, "") }, "id is empty"},
		{"tags of nothing", func(ctx context.Context, c *Client) error { _, err := c.Tags(ctx, ""); return err }, "vmID is empty"},
		{"tags on nothing", func(ctx context.Context, c *Client) error { return c.SetVMTags(ctx, "", nil) }, "vmID is empty"},
		{
			"plans without image",
			func(ctx context.Context, c *Client) error { _, err := c.Plans(ctx, helsinki, "", someID); return err }, "osImage is empty",
		},
		{"no cluster", func(ctx context.Context, c *Client) error { _, err := c.KubeCluster(ctx, ""); return err }, "id is empty"},
		{
			"groups of no cluster",
			func(ctx context.Context, c *Client) error { _, err := c.KubeGroups(ctx, ""); return err }, "cluster is empty",
		},
		{
			"sizes of no datacenter",
			func(ctx context.Context, c *Client) error { _, err := c.KubeOffers(ctx, ""); return err }, "datacenter is empty",
		},
		{
			"group without name", func(ctx context.Context, c *Client) error { return c.AddKubeGroup(ctx, someID, "", 1) },
			"name is empty",
		},
		{
			"group without size", func(ctx context.Context, c *Client) error { return c.AddKubeGroup(ctx, someID, "web", 0) },
			"sizeID must be greater than 0",
		},
		{
			"group in no cluster", func(ctx context.Context, c *Client) error { return c.AddKubeGroup(ctx, "", "web", 1) },
			"cluster is empty",
		},
		{
			"node in no group", func(ctx context.Context, c *Client) error { _, err := c.AddKubeNode(ctx, someID, 0); return err },
			"group must be greater than 0",
		},
		{
			"node in no cluster", func(ctx context.Context, c *Client) error { _, err := c.AddKubeNode(ctx, "", 1); return err },
			"cluster is empty",
		},
		{
			"which node", func(ctx context.Context, c *Client) error { return c.DeleteKubeNode(ctx, someID, "", "why") },
			"nodeID is empty",
		},
		{
			"why the node", func(ctx context.Context, c *Client) error { return c.DeleteKubeNode(ctx, someID, otherID, "") },
			"reason is empty",
		},
		{
			"which group", func(ctx context.Context, c *Client) error { return c.DeleteKubeGroup(ctx, "", "why") }, "group is empty",
		},
		{
			"why the group", func(ctx context.Context, c *Client) error { return c.DeleteKubeGroup(ctx, otherID, "") },
			"reason is empty",
		},
	} {
		t.Run(c.situation, func(t *testing.T) {
			s := newStage(t, nil)
			err := c.do(t.Context(), s.client())
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, Invalid, KindOf(err))
			assert.True(t, IsTerminal(err))
			assert.Empty(t, s.seen())
		})
	}
}
