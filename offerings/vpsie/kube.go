package vpsie

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
)

// KubeClusters returns the account's managed clusters without their nodes.
func (c *Client) KubeClusters(ctx context.Context) ([]KubeCluster, error) {
	l := list[KubeCluster]{
		request: request{operation: opKubeClusters},
		read:    readKubeCluster, key: func(k KubeCluster) string { return k.ID },
	}
	return l.all(ctx, c)
}

// KubeCluster returns a managed cluster with its nodes.
func (c *Client) KubeCluster(ctx context.Context, id string) (*KubeCluster, error) {
	if err := opKubeCluster.identifiers("id", id); err != nil {
		return nil, err
	}
	return one(ctx, c, &request{operation: opKubeCluster, args: []string{id}}, func(v value) KubeCluster {
		cluster := readKubeCluster(v)
		cluster.Nodes = readKubeNodes(v)
		return cluster
	})
}

func readKubeCluster(v value) KubeCluster {
	return KubeCluster{
		ID:       v.field("identifier").identifier(),
		Name:     v.field("cluster_name").text(),
		Version:  strings.TrimPrefix(v.field("kube_version").text(), "v"),
		Locked:   v.field("lock").flag(),
		Managers: v.field("managerCount").integer(),
		Workers:  v.field("slaveCount").integer(),
	}
}

// readKubeNodes reads the nodes, which VPSie lists in nodes, or by role in
// masters and slaves, or in all three; a node counts once, with the identifier
// that one of them gives. A cluster without any of the lists could not be told
// from one whose nodes are all gone.
func readKubeNodes(v value) []KubeNode {
	var nodes []KubeNode
	listed := false
	for _, role := range []string{"nodes", "masters", "slaves"} {
		group := v.field(role)
		listed = listed || group.present()
		for _, item := range group.items() {
			node := readKubeNode(item)
			same := slices.IndexFunc(nodes, func(n KubeNode) bool {
				return n.Hostname == node.Hostname && (n.ID == node.ID || n.ID == "" || node.ID == "")
			})
			if same < 0 {
				nodes = append(nodes, node)
				continue
			}
			nodes[same].ID = cmp.Or(nodes[same].ID, node.ID)
		}
	}
	if !listed {
		v.field("nodes").failf("there is no list")
	}
	return nodes
}

func readKubeNode(v value) KubeNode {
	node := readKubeMachine(v)
	if node.Hostname == "" {
		v.field("hostname").failf("is empty")
	}
	return node
}

// readKubeMachine reads what is given of a node; the identifier may be missing.
func readKubeMachine(v value) KubeNode {
	hostname := v.field("hostname").text()
	node := KubeNode{
		Number:           v.field("id").integer(),
		Hostname:         fold(hostname),
		ReportedHostname: hostname,
		IP:               v.field("default_ip", "ip").text(),
		PrivateIP:        v.field("private_ip").text(),
		Created:          v.field("created_on").time(),
	}
	if id := v.field("identifier"); id.present() {
		node.ID = id.identifier()
	}
	return node
}

// KubeGroups returns the groups of workers of a managed cluster.
func (c *Client) KubeGroups(ctx context.Context, cluster string) ([]KubeGroup, error) {
	if err := opKubeGroups.identifiers("cluster", cluster); err != nil {
		return nil, err
	}
	l := list[KubeGroup]{
		request: request{operation: opKubeGroups, args: []string{cluster}},
		read:    readKubeGroup, key: func(g KubeGroup) string { return g.ID },
	}
	return l.all(ctx, c)
}

func readKubeGroup(v value) KubeGroup {
	active := v.field("is_active")
	return KubeGroup{
		ID:          v.field("identifier").identifier(),
		Number:      v.field("id").number(),
		Name:        v.field("group_name").text(),
		SizeID:      v.field("boxsize_id").integer(),
		Nodes:       v.field("nodes_count").integer(),
		CPU:         v.field("cpu").integer(),
		MemoryBytes: v.field("ram").amount(mebibyte),
		DiskBytes:   v.field("ssd").amount(gibibyte),
		Datacenter:  v.field("dcIdentifier").text(),
		Active:      (!active.present() || active.flag()) && !v.field("is_deleted").flag(),
	}
}

// AddKubeGroup makes a group of workers of one size and is sent once. A second
// group of a size is a Conflict. KubeGroups finds the new group by its name.
func (c *Client) AddKubeGroup(ctx context.Context, cluster, name string, sizeID int64) error {
	if err := opAddKubeGroup.identifiers("cluster", cluster); err != nil {
		return err
	}
	switch {
	case name == "":
		return opAddKubeGroup.refuse("name is empty")
	case sizeID <= 0:
		return opAddKubeGroup.refuse("sizeID must be greater than 0, got %d", sizeID)
	}
	_, err := c.act(ctx, &request{
		operation: opAddKubeGroup,
		body: fixed(struct {
			Cluster string `json:"clusterIdentifier"`
			Name    string `json:"groupName"`
			Size    int64  `json:"KubeSizeID"`
		}{cluster, name, sizeID}),
	})
	return err
}

// DeleteKubeGroup removes a group of workers, KubeGroup.ID, with all of them,
// and is sent once. The reason must not be empty.
func (c *Client) DeleteKubeGroup(ctx context.Context, group, reason string) error {
	if err := opDeleteKubeGroup.identifiers("group", group); err != nil {
		return err
	}
	if reason == "" {
		return opDeleteKubeGroup.refuse("reason is empty")
	}
	_, err := c.act(ctx, &request{
		operation: opDeleteKubeGroup,
		args:      []string{group},
		body: fixed(struct {
			Statistic statistic `json:"deleteStatistic"`
		}{statistic{reason}}),
	})
	return err
}

// KubeOffers returns the machine sizes for managed clusters in a datacenter.
func (c *Client) KubeOffers(ctx context.Context, datacenter string) ([]KubeOffer, error) {
	if err := opKubeOffers.identifiers("datacenter", datacenter); err != nil {
		return nil, err
	}
	l := list[KubeOffer]{
		request: request{
			operation: opKubeOffers,
			body: fixed(struct {
				Datacenter string `json:"dcIdentifier"`
			}{datacenter}),
		},
		read: readKubeOffer, key: func(o KubeOffer) string { return strconv.FormatInt(o.ID, 10) },
	}
	return l.all(ctx, c)
}

func readKubeOffer(v value) KubeOffer {
	return KubeOffer{
		ID:            v.field("id").number(),
		Name:          v.field("name", "nickname").text(),
		CPU:           v.field("cpu").integer(),
		MemoryBytes:   v.field("ram").amount(mebibyte),
		DiskBytes:     v.field("disk", "ssd").amount(gibibyte),
		PricePerMonth: v.field("price").decimal(),
		PricePerHour:  v.field("hourly_price").decimal(),
	}
}

// AddKubeNode adds a worker to a group, KubeGroup.Number, and is sent once:
// repeated, it would add another. VPSie most often answers only that it will be
// made, and the node is nil; it appears in KubeCluster.
func (c *Client) AddKubeNode(ctx context.Context, cluster string, group int64) (*KubeNode, error) {
	if err := opAddKubeNode.identifiers("cluster", cluster); err != nil {
		return nil, err
	}
	if group <= 0 {
		return nil, opAddKubeNode.refuse("group must be greater than 0, got %d", group)
	}
	data, err := c.act(ctx, &request{operation: opAddKubeNode, args: []string{cluster, strconv.FormatInt(group, 10)}})
	if err != nil {
		return nil, err
	}
	if _, object := data.given.(map[string]any); !object {
		return nil, nil
	}
	// The worker is on its way whatever else the answer says; what cannot be
	// read of it is what KubeCluster will tell.
	node := readKubeMachine(data)
	if data.problem() != nil || node.ID == "" && node.Hostname == "" {
		return nil, nil
	}
	return &node, nil
}

// DeleteKubeNode removes the worker with this identifier, KubeNode.ID, and is
// sent once. The reason is for our log; the route takes none. The routes that
// reduce a group are not used: they remove whichever worker they like.
func (c *Client) DeleteKubeNode(ctx context.Context, cluster, nodeID, reason string) error {
	if err := opDeleteKubeNode.identifiers("cluster", cluster, "nodeID", nodeID); err != nil {
		return err
	}
	if reason == "" {
		return opDeleteKubeNode.refuse("reason is empty")
	}
	_, err := c.act(ctx, &request{
		operation: opDeleteKubeNode,
		args:      []string{cluster},
		body: fixed(struct {
			ID string `json:"identifier"`
		}{nodeID}),
	})
	if err == nil {
		c.log.Info("VPSie removes a worker", "cluster", cluster, "node", nodeID, "reason", reason)
	}
	return err
}
