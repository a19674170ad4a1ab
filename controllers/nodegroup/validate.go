package nodegroup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/catalog"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// Catalog says what can be bought for a group; *catalog.Source does.
type Catalog interface {
	Datacenters(ctx context.Context) ([]vpsie.Datacenter, error)
	Sold(ctx context.Context, group *v1alpha1.NodeGroup) (*offerings.Catalog, error)
}

// Reasons of the condition Valid.
const (
	reasonValid     = "Valid"
	reasonUnchecked = "NotChecked"
	reasonUnknown   = "VPSieUnreachable"
	reasonInvalid   = "Invalid"
)

// verdict is the condition Valid in the making.
type verdict struct {
	status  metav1.ConditionStatus
	reason  string
	message string
}

// unchecked is the verdict on a group that nobody has looked at.
var unchecked = verdict{metav1.ConditionUnknown, reasonUnchecked, "the identifiers were not yet checked against VPSie"}

// check asks VPSie about every identifier of the group. What VPSie does not know
// makes the group invalid, and each such field is named; if VPSie cannot be
// asked about one and knows the others, the group is unknown.
func (r *Reconciler) check(ctx context.Context, group *v1alpha1.NodeGroup) verdict {
	v := validation{ctx: ctx, group: group, catalog: r.options.Catalog, lists: r.lists}
	v.datacenters()
	v.offerings()
	v.image()
	v.keys()
	v.project()
	v.vpc()
	v.cluster()
	switch {
	case len(v.wrong) > 0:
		return verdict{metav1.ConditionFalse, reasonInvalid, strings.Join(v.wrong, "; ")}
	case v.unasked != nil:
		return verdict{metav1.ConditionUnknown, reasonUnknown, "VPSie cannot be asked: " + v.unasked.Error()}
	}
	return verdict{metav1.ConditionTrue, reasonValid, "VPSie knows every identifier"}
}

// validation is one check in the making.
type validation struct {
	ctx     context.Context
	group   *v1alpha1.NodeGroup
	catalog Catalog
	lists   *lists

	wrong   []string
	unasked error
}

func (v *validation) failf(field, format string, args ...any) {
	v.wrong = append(v.wrong, field+": "+fmt.Sprintf(format, args...))
}

// blame notes an error that is not about VPSie's availability as the field's
// fault, and any other as a question that was not answered.
func (v *validation) blame(field string, err error) {
	if catalog.Refused(err) {
		var said *vpsie.Error
		errors.As(err, &said)
		v.failf(field, "VPSie says: %s", cmp.Or(said.Message, said.Error()))
		return
	}
	if v.unasked == nil {
		v.unasked = err
	}
}

func (v *validation) managed() bool {
	return v.group.Spec.Bootstrap.Mode == v1alpha1.BootstrapManaged
}

func (v *validation) datacenters() {
	if len(v.group.Spec.DatacenterIDs) == 0 {
		return
	}
	list, err := v.catalog.Datacenters(v.ctx)
	if err != nil {
		v.blame("spec.datacenterIDs", err)
		return
	}
	for i, id := range v.group.Spec.DatacenterIDs {
		at := slices.IndexFunc(list, func(d vpsie.Datacenter) bool { return d.ID == id })
		switch {
		case at < 0:
			v.failf(fmt.Sprintf("spec.datacenterIDs[%d]", i), "VPSie has no datacenter %q", id)
		case !list[at].Active:
			v.failf(fmt.Sprintf("spec.datacenterIDs[%d]", i), "datacenter %q (%s) is not active", id, list[at].Name)
		}
	}
}

// offerings checks the names and that something remains to be bought.
func (v *validation) offerings() {
	if !v.managed() && v.group.Spec.OSImageID == "" {
		v.failf("spec.osImageID", "a %s group needs the image that its machines start from", v.group.Spec.Bootstrap.Mode)
		return
	}
	if len(v.wrong) > 0 {
		return // What unknown datacenters sell is no question.
	}
	sold, err := v.catalog.Sold(v.ctx, v.group)
	if err != nil {
		field := "spec.osImageID"
		if v.managed() {
			field = "spec.datacenterIDs"
		}
		v.blame(field, err)
		return
	}
	wrong := len(v.wrong)
	for i, name := range v.group.Spec.OfferingIDs {
		if _, err := sold.Lookup(name); err != nil {
			v.failf(fmt.Sprintf("spec.offeringIDs[%d]", i), "%v", err)
		}
	}
	if name := v.group.Spec.PreferredInstanceType; name != "" {
		if _, err := sold.Lookup(name); err != nil {
			v.failf("spec.preferredInstanceType", "%v", err)
		}
	}
	if len(v.wrong) > wrong {
		return
	}
	// Sold out does not count: a group is not wrong because VPSie has none today.
	every := *sold
	every.Offerings = slices.Clone(sold.Offerings)
	for i := range every.Offerings {
		every.Offerings[i].Unavailable = nil
	}
	group := catalog.Restrict(v.group, sold).DeepCopy()
	group.Spec.Paused = false
	templates, err := binpack.Templates(&every, []*v1alpha1.NodeGroup{group}, nil)
	switch {
	case err != nil:
		v.failf("spec", "%v", err)
	case len(templates) == 0:
		v.failf("spec.requirements", "VPSie sells nothing in these datacenters that is in offeringIDs and meets the requirements")
	}
}

// image checks what is known of the account's own images; VPSie's stock images
// are in no list, and show by whether plans are sold for them.
func (v *validation) image() {
	id := v.group.Spec.OSImageID
	if id == "" {
		return
	}
	image, err := v.lists.images.find(v.ctx, func(i *vpsie.Image) bool { return i.ID == id })
	switch places := v.group.Spec.DatacenterIDs; {
	case err != nil:
		v.blame("spec.osImageID", err)
	case image == nil:
	case image.Deleted:
		v.failf("spec.osImageID", "image %q (%s) was deleted", id, image.Name)
	case image.Datacenter != "" && !(len(places) == 1 && places[0] == image.Datacenter):
		v.failf("spec.osImageID", "image %q (%s) is in datacenter %q alone: datacenterIDs must be that one", id, image.Name, image.Datacenter)
	}
}

func (v *validation) keys() {
	for i, id := range v.group.Spec.SSHKeyIDs {
		field := fmt.Sprintf("spec.sshKeyIDs[%d]", i)
		key, err := v.lists.keys.find(v.ctx, func(k *vpsie.SSHKey) bool { return k.ID == id })
		switch {
		case err != nil:
			v.blame(field, err)
			return
		case key == nil:
			v.failf(field, "VPSie has no SSH key %q", id)
		}
	}
}

func (v *validation) project() {
	id := v.group.Spec.Project
	if id == "" {
		return
	}
	project, err := v.lists.projects.find(v.ctx, func(p *vpsie.Project) bool { return p.ID == id })
	switch {
	case err != nil:
		v.blame("spec.project", err)
	case project == nil:
		v.failf("spec.project", "VPSie has no project %q", id)
	}
}

func (v *validation) vpc() {
	id := v.group.Spec.VPCID
	if id == 0 {
		return
	}
	vpc, err := v.lists.vpcs.find(v.ctx, func(n *vpsie.VPC) bool { return n.ID == id })
	switch {
	case err != nil:
		v.blame("spec.vpcID", err)
	case vpc == nil:
		v.failf("spec.vpcID", "VPSie has no VPC %d", id)
	case vpc.Datacenter != "" && !slices.Contains(v.group.Spec.DatacenterIDs, vpc.Datacenter):
		v.failf("spec.vpcID", "VPC %d (%s) is in datacenter %q, which is not in datacenterIDs", id, vpc.Name, vpc.Datacenter)
	}
}

func (v *validation) cluster() {
	id := v.group.Spec.Bootstrap.ClusterID
	if id == "" {
		return
	}
	cluster, err := v.lists.clusters.find(v.ctx, func(c *vpsie.KubeCluster) bool { return c.ID == id })
	switch {
	case err != nil:
		v.blame("spec.bootstrap.clusterID", err)
	case cluster == nil:
		v.failf("spec.bootstrap.clusterID", "VPSie has no managed cluster %q", id)
	}
}
