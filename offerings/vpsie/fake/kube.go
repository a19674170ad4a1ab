package fake

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// cluster is a managed cluster and its groups of workers.
type cluster struct {
	Cluster
	createdAt time.Time
	groups    []*group
	lastGroup int
}

// group of workers of one size.
type group struct {
	id         int
	identifier string
	name       string
	offering   *offerings.Offering
	createdAt  time.Time
}

func (s *Server) cluster(identifier string) *cluster {
	i := slices.IndexFunc(s.clusters, func(c *cluster) bool { return c.Identifier == identifier })
	if i < 0 {
		return nil
	}
	return s.clusters[i]
}

// workers of a cluster, and of one group unless that is nil.
func (s *Server) workers(cl *cluster, g *group, want func(VMState) bool) []*machine {
	return slices.DeleteFunc(s.machinesThat(want), func(m *machine) bool {
		return m.Cluster != cl.Identifier || g != nil && m.Group != g.id
	})
}

func (s *Server) clusterData(cl *cluster) map[string]any {
	workers := len(s.workers(cl, nil, VMState.alive))
	return map[string]any{
		"id": 1, "user_id": userID, "cluster_name": cl.Name, "identifier": cl.Identifier, "count": workers + 1,
		"created_on": stamp(cl.createdAt), "updated_on": stamp(cl.createdAt), "created_by": "owner@example.com",
		"nickname": "Advanced", "cpu": 2, "ram": 4096, "traffic": traffic, "color": "#000000", "price": 24.5,
		"managerCount": 1, "slaveCount": s.figure(float64(workers), "slaveCount", cl.Identifier),
		"kube_version": cl.Version, "lock": 0, "upgrade_version": nil, "lb_id": nil,
	}
}

func (s *Server) listClusters(*call) reply {
	list := []any{}
	for _, cl := range s.clusters {
		list = append(list, s.clusterData(cl))
	}
	return ok(list)
}

// getCluster shows a cluster with its nodes: the control plane's and the
// workers that are there by now.
func (s *Server) getCluster(c *call) reply {
	cl := s.cluster(c.request.PathValue("cluster"))
	if cl == nil {
		return s.missing(c)
	}
	nodes := []any{map[string]any{
		"id": 1, "user_id": userID, "hostname": cl.Name + "-master-main", "identifier": s.newIdentifier("master-"+cl.Identifier, 1),
		"default_ip": "198.18.0.1", "private_ip": "", "node_type": 1, "node_id": 1, "role": "master", "status": "running",
		"datacenter_id": s.datacenterNumber(cl.Datacenter), "created_on": stamp(cl.createdAt),
	}}
	for _, m := range s.workers(cl, nil, VMState.alive) {
		nodes = append(nodes, s.nodeData(m))
	}
	data := s.clusterData(cl)
	data["nodes"] = nodes
	return ok(data)
}

func (s *Server) nodeData(m *machine) map[string]any {
	status := "creating"
	if m.state(s.now()) == VMRunning {
		status = "running"
	}
	return map[string]any{
		"id": m.number, "user_id": userID, "hostname": m.Hostname, "identifier": m.Identifier, "default_ip": m.PublicIP,
		"ip": m.PublicIP, "private_ip": m.PrivateIP, "node_type": s.number(2, m, "node_type"), "node_id": 1 + m.number%7,
		"datacenter_id": s.datacenterNumber(m.Datacenter), "created_on": stamp(m.OrderedAt), "role": "slave", "status": status,
		"group_id": m.Group,
	}
}

func (s *Server) listGroups(c *call) reply {
	cl := s.cluster(c.request.PathValue("cluster"))
	if cl == nil {
		return s.missing(c)
	}
	list := []any{}
	for _, g := range cl.groups {
		list = append(list, map[string]any{
			"id": g.id, "group_name": g.name, "user_id": userID, "boxsize_id": s.sizeNumber(g.offering),
			"datacenter_id": s.datacenterNumber(cl.Datacenter), "ram": g.offering.Capacity.MemoryBytes >> 20,
			"cpu": g.offering.Capacity.MilliCPU / 1000, "ssd": g.offering.Capacity.EphemeralBytes >> 30, "traffic": traffic,
			"notes": nil, "created_on": stamp(g.createdAt), "last_updated": stamp(g.createdAt), "dropped_on": nil, "is_active": 1,
			"is_deleted": 0, "identifier": g.identifier, "project_id": s.defaultProject().ID, "cluster_id": 1,
			"nodes_count":  s.figure(float64(len(s.workers(cl, g, VMState.alive))), "nodes_count", g.identifier),
			"dcIdentifier": cl.Datacenter,
		})
	}
	return ok(list)
}

// listOffers lists the sizes of workers; their number is what a group wants.
func (s *Server) listOffers(c *call) reply {
	datacenter := c.text("dcIdentifier")
	if s.config.Catalog.Datacenter(datacenter) == nil {
		return refused("Datacenter not found")
	}
	list := []any{}
	for i := range s.config.Catalog.Offerings {
		o := &s.config.Catalog.Offerings[i]
		if !o.AvailableIn(datacenter) {
			continue
		}
		list = append(list, map[string]any{
			"id": s.sizeNumber(o), "name": o.Name, "cpu": o.Capacity.MilliCPU / 1000, "ram": o.Capacity.MemoryBytes >> 20,
			"disk": o.Capacity.EphemeralBytes >> 30, "price": s.figure(s.monthly(o, datacenter), "offer-price", o.Name, datacenter),
			"hourly_price": s.figure(s.price(o, datacenter), "offer-hourly", o.Name, datacenter),
		})
	}
	return ok(list)
}

// addGroup makes a group; a cluster has one of each size at most.
func (s *Server) addGroup(c *call) reply {
	cl := s.cluster(c.text("clusterIdentifier"))
	if cl == nil {
		return s.missing(c)
	}
	size, _ := c.number("KubeSizeID")
	var offering *offerings.Offering
	for i := range s.config.Catalog.Offerings {
		if o := &s.config.Catalog.Offerings[i]; s.sizeNumber(o) == size && o.AvailableIn(cl.Datacenter) {
			offering = o
		}
	}
	if offering == nil {
		return refused("Size not found")
	}
	for _, g := range cl.groups {
		if g.offering == offering {
			return refused(fmt.Sprintf(sameSize, g.name))
		}
	}
	name := c.text("groupName")
	if name == "" {
		return refused("groupName is required")
	}
	cl.lastGroup++
	g := &group{
		id: cl.lastGroup, identifier: s.newIdentifier("group-"+cl.Identifier, cl.lastGroup),
		name: name, offering: offering, createdAt: s.now(),
	}
	cl.groups = append(cl.groups, g)
	if s.odd("groupId", g.identifier) {
		return ok(map[string]any{"groupId": g.id})
	}
	return ok(true)
}

// dropGroup deletes a group and its workers.
func (s *Server) dropGroup(c *call) reply {
	for _, cl := range s.clusters {
		for i, g := range cl.groups {
			if g.identifier != c.request.PathValue("group") {
				continue
			}
			if !c.reasonGiven() {
				return refused(noReason)
			}
			for _, m := range s.workers(cl, g, VMState.paid) {
				s.remove(m)
			}
			cl.groups = slices.Delete(cl.groups, i, i+1)
			return ok(true)
		}
	}
	return s.missing(c)
}

// clusterAndGroup are the ones that a path names; the group of a path without
// one is the cluster's first.
func (s *Server) clusterAndGroup(c *call) (*cluster, *group) {
	cl := s.cluster(c.request.PathValue("cluster"))
	if cl == nil {
		return nil, nil
	}
	asked := c.request.PathValue("group")
	for _, g := range cl.groups {
		if asked == "" || asked == strconv.Itoa(g.id) {
			return cl, g
		}
	}
	return cl, nil
}

// addWorker orders one more worker, each time that it is asked. Only sometimes
// does it say which.
func (s *Server) addWorker(c *call) reply {
	cl, g := s.clusterAndGroup(c)
	if cl == nil || g == nil {
		return s.missing(c)
	}
	paid := s.workers(cl, nil, VMState.paid)
	if cl.WorkerCap > 0 && len(paid) >= cl.WorkerCap {
		return refused(workerCap)
	}
	if refusal := s.spare(Place{g.offering.Name, cl.Datacenter}); refusal != "" {
		return refused(refusal)
	}
	number := s.lastNumber + 1
	m := &machine{
		VM: VM{
			Ordered:  fmt.Sprintf("%s-slave-%04x", cl.Name, s.draw("worker", cl.Identifier, strconv.Itoa(number)).IntN(1<<16)),
			Offering: g.offering.Name, Datacenter: cl.Datacenter, Project: s.defaultProject().Identifier,
			Cluster: cl.Identifier, Group: g.id,
		},
		offering: g.offering, datacenter: s.config.Catalog.Datacenter(cl.Datacenter),
		diskGB: g.offering.Capacity.EphemeralBytes >> 30,
	}
	m.prepare = cl.UserData
	s.add(m)
	if s.odd("node", m.Identifier) {
		return ok(map[string]any{"id": m.number, "identifier": m.Identifier, "status": "creating", "hostname": m.Hostname}).about(m)
	}
	return ok(true).about(m)
}

// reduce removes some worker; nobody can say which.
func (s *Server) reduce(c *call) reply {
	cl := s.cluster(c.request.PathValue("cluster"))
	if cl == nil {
		return s.missing(c)
	}
	var g *group
	if id, given := c.number("groupId"); given {
		i := slices.IndexFunc(cl.groups, func(g *group) bool { return g.id == id })
		if i < 0 {
			return s.missing(c)
		}
		g = cl.groups[i]
	}
	workers := s.workers(cl, g, VMState.alive)
	if len(workers) == 0 {
		return refused("There are no nodes to remove")
	}
	m := workers[s.draw("reduce", cl.Identifier, strconv.Itoa(len(s.journal.ring))).IntN(len(workers))]
	s.remove(m)
	return ok(true).about(m)
}

// deleteWorker removes the worker that the body names. It asks for no password.
func (s *Server) deleteWorker(c *call) reply {
	m := c.machine
	if m == nil || m.Cluster != c.request.PathValue("cluster") || !m.state(s.now()).alive() {
		return s.missing(c)
	}
	s.remove(m)
	return s.nothing(m.Identifier)
}
