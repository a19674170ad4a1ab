package vpsienode

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/bootstrap"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// managed machines are workers of VPSie's managed clusters. VPSie names them,
// joins them, and lets nobody mark them: one is known to be ours because it was
// not there before it was asked for. So there is one order at a time in a cluster.
type managed struct {
	options *Options
	// turn is held while an intent is written: two at once would not see each other.
	turn sync.Mutex

	// mu guards clusters, what was last read of each.
	mu       sync.Mutex
	clusters map[string]clusterReading
}

// clusterReading is a managed cluster as it was when the reading began.
type clusterReading struct {
	started time.Time
	cluster *vpsie.KubeCluster
}

func newManaged(options *Options) *managed {
	return &managed{options: options, clusters: map[string]clusterReading{}}
}

// cluster is a reading of a managed cluster that started at the time or later,
// shared by all its machines.
func (g *managed) cluster(ctx context.Context, id string, earliest time.Time) (*vpsie.KubeCluster, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if last, known := g.clusters[id]; known && !last.started.Before(earliest) {
		return last.cluster, nil
	}
	started := g.options.Clock.Now()
	cluster, err := g.options.VPSie.KubeCluster(ctx, id)
	if err != nil {
		return nil, err
	}
	g.clusters[id] = clusterReading{started: started, cluster: cluster}
	return cluster, nil
}

// intend writes down which machines the cluster has, and the intent with it.
func (g *managed) intend(ctx context.Context, m *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup, write func() error) (string, error) {
	cluster := group.Spec.Bootstrap.ClusterID
	size, err := g.size(ctx, m)
	if err != nil {
		return "", err
	}
	found, err := g.group(ctx, cluster, size)
	if err != nil {
		return "", err
	}
	if found == nil {
		return "waiting for VPSie to make a group of this size", g.makeGroup(ctx, cluster, m.Spec.NodeGroup, size)
	}
	g.turn.Lock()
	defer g.turn.Unlock()
	other, err := g.outstanding(ctx, cluster, m)
	if err != nil {
		return "", err
	}
	if other != "" {
		return fmt.Sprintf("waiting for %s: machines of a managed cluster are added one at a time", other), nil
	}
	now, err := g.options.VPSie.KubeCluster(ctx, cluster)
	if err != nil {
		return "", err
	}
	m.Status.ClusterID, m.Status.VPSID, m.Status.Before = cluster, "", nil
	for _, node := range now.Nodes {
		m.Status.Before = append(m.Status.Before, key(&node))
	}
	return "", write()
}

// key tells the machines of a cluster apart.
func key(node *vpsie.KubeNode) string {
	if node.ID != "" {
		return node.ID
	}
	return node.Hostname
}

// size is VPSie's number of the offering.
func (g *managed) size(ctx context.Context, m *v1alpha1.VPSieNode) (int64, error) {
	if size, err := strconv.ParseInt(m.Spec.OfferingID, 10, 64); err == nil {
		return size, nil
	}
	offers, err := g.options.VPSie.KubeOffers(ctx, m.Spec.Datacenter)
	if err != nil {
		return 0, err
	}
	for _, offer := range offers {
		if offer.Name == m.Spec.Offering {
			return offer.ID, nil
		}
	}
	return 0, impossible{fmt.Errorf("VPSie offers no %s to managed clusters in datacenter %s", m.Spec.Offering, m.Spec.Datacenter)}
}

// group is the cluster's group of a size, of which there is one at most.
func (g *managed) group(ctx context.Context, cluster string, size int64) (*vpsie.KubeGroup, error) {
	groups, err := g.options.VPSie.KubeGroups(ctx, cluster)
	if err != nil {
		return nil, err
	}
	for i := range groups {
		if groups[i].Active && groups[i].SizeID == size {
			return &groups[i], nil
		}
	}
	return nil, nil
}

// makeGroup makes the cluster's group of a size. It is never deleted: other
// machines of this size may be in it.
func (g *managed) makeGroup(ctx context.Context, cluster, name string, size int64) error {
	err := g.options.VPSie.AddKubeGroup(ctx, cluster, "vpsie-"+name, size)
	if vpsie.KindOf(err) == vpsie.Conflict || vpsie.IsAmbiguous(err) {
		// The next look at the groups tells.
		return nil
	}
	return err
}

// outstanding is the name of another VPSieNode that the cluster was asked for
// and that was not found yet. The API server is asked, not a cache.
func (g *managed) outstanding(ctx context.Context, cluster string, m *v1alpha1.VPSieNode) (string, error) {
	list := &v1alpha1.VPSieNodeList{}
	if err := g.options.Reader.List(ctx, list); err != nil {
		return "", fmt.Errorf("listing VPSieNodes: %w", err)
	}
	for i := range list.Items {
		other := &list.Items[i]
		if other.UID != m.UID && other.Status.ClusterID == cluster && other.Status.RequestedAt != nil && other.Status.VPSID == "" {
			return other.Name, nil
		}
	}
	return "", nil
}

func (g *managed) order(ctx context.Context, m *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup, _ bootstrap.Material) error {
	cluster := group.Spec.Bootstrap.ClusterID
	size, err := g.size(ctx, m)
	if err != nil {
		return notSent{err}
	}
	found, err := g.group(ctx, cluster, size)
	if err != nil {
		return notSent{err}
	}
	if found == nil {
		return notSent{fmt.Errorf("managed cluster %s has lost its group of size %d", cluster, size)}
	}
	node, err := g.options.VPSie.AddKubeNode(ctx, cluster, found.Number)
	if err == nil && node != nil && node.ID != "" {
		// VPSie said which one it is, as it sometimes does.
		m.Status.VPSID, m.Status.NodeName = node.ID, node.Hostname
	}
	return err
}

func (g *managed) find(ctx context.Context, m *v1alpha1.VPSieNode, earliest time.Time) (sighting, error) {
	reading, err := g.options.Inventory.Since(ctx, earliest)
	if err != nil {
		return sighting{}, err
	}
	cluster, err := g.cluster(ctx, m.Status.ClusterID, earliest)
	if err != nil {
		return sighting{}, err
	}
	s := sighting{at: reading.Started}
	if m.Status.VPSID != "" {
		for i := range cluster.Nodes {
			if node := &cluster.Nodes[i]; node.ID == m.Status.VPSID || node.ID == "" && node.Hostname == m.Status.NodeName {
				s.machine = worker(node, m.Status.VPSID)
			}
		}
		if s.machine == nil && reading.InAll(m.Status.VPSID) != nil {
			s.unclear = fmt.Sprintf("machine %s is in one of VPSie's lists and not in the other", m.Status.VPSID)
		}
		return s, nil
	}
	claimed, err := g.claimed(ctx)
	if err != nil {
		return sighting{}, err
	}
	var added []*vpsie.KubeNode
	known := sets.New(m.Status.Before...).Union(claimed)
	for i := range cluster.Nodes {
		if node := &cluster.Nodes[i]; !known.HasAny(key(node), node.Hostname) {
			added = append(added, node)
		}
	}
	switch len(added) {
	case 0:
	case 1:
		id := added[0].ID
		if id == "" {
			// The second source has identifiers where the cluster has none.
			if named := reading.AllNamed(added[0].Hostname); len(named) == 1 {
				id = named[0].ID
			}
		}
		if id == "" {
			s.unclear = fmt.Sprintf("the identifier of %s is not known yet", added[0].ReportedHostname)
		} else {
			s.machine = worker(added[0], id)
		}
	default:
		names := make([]string, len(added))
		for i, node := range added {
			names[i] = node.ReportedHostname
		}
		s.unclear = "which one is ours of the new machines " + strings.Join(names, ", ") + " cannot be told: others add machines too"
	}
	return s, nil
}

func worker(node *vpsie.KubeNode, id string) *machine {
	// VPSie reports no state of workers; one with an address is as good as running.
	return &machine{
		id: id, hostname: node.Hostname, ip: node.IP, privateIP: node.PrivateIP,
		running: node.IP != "" || node.PrivateIP != "", created: node.Created,
	}
}

// claimed are the machines of other VPSieNodes, by identifier and Node's name.
func (g *managed) claimed(ctx context.Context) (sets.Set[string], error) {
	list := &v1alpha1.VPSieNodeList{}
	if err := g.options.Reader.List(ctx, list); err != nil {
		return nil, fmt.Errorf("listing VPSieNodes: %w", err)
	}
	claimed := sets.New[string]()
	for i := range list.Items {
		if status := &list.Items[i].Status; status.VPSID != "" {
			claimed.Insert(status.VPSID, status.NodeName)
		}
	}
	return claimed, nil
}

func (g *managed) remove(ctx context.Context, m *v1alpha1.VPSieNode, found machine) error {
	return g.options.VPSie.DeleteKubeNode(ctx, m.Status.ClusterID, found.id, deletionReason)
}
