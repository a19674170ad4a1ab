package nodegroup

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

func TestTheIdentifierThatVPSieDoesNotKnowIsNamed(t *testing.T) {
	w := newWorld(t, account())
	for name, tc := range map[string]struct {
		change func(*v1alpha1.NodeGroupSpec)
		want   string
	}{
		"datacenter": {
			func(s *v1alpha1.NodeGroupSpec) { s.DatacenterIDs, s.VPCID = []string{"ams1", "mars1"}, 0 },
			`spec.datacenterIDs[1]: VPSie has no datacenter "mars1"`,
		},
		"offering": {
			func(s *v1alpha1.NodeGroupSpec) { s.OfferingIDs = []string{"std-2c4g", "std-2c4gb"} },
			`spec.offeringIDs[1]: catalogue VPSie plans has no offering "std-2c4gb"; did you mean std-2c4g`,
		},
		"preferred offering": {
			func(s *v1alpha1.NodeGroupSpec) { s.OfferingIDs, s.PreferredInstanceType = nil, "huge" },
			`spec.preferredInstanceType: catalogue VPSie plans has no offering "huge"`,
		},
		"requirements that nothing meets": {
			func(s *v1alpha1.NodeGroupSpec) {
				s.Requirements = []v1alpha1.Requirement{{Key: "cpu", Operator: corev1.NodeSelectorOpGt, Values: []string{"100"}}}
			},
			"spec.requirements: VPSie sells nothing in these datacenters that is in offeringIDs and meets the requirements",
		},
		"no image": {
			func(s *v1alpha1.NodeGroupSpec) { s.OSImageID = "" },
			"spec.osImageID: a kubeadm group needs the image that its machines start from",
		},
		"image": {
			func(s *v1alpha1.NodeGroupSpec) { s.OSImageID = "windows-311" },
			"spec.osImageID: VPSie says: Operating system not found",
		},
		"key": {
			func(s *v1alpha1.NodeGroupSpec) { s.SSHKeyIDs = []string{"key-9"} },
			`spec.sshKeyIDs[0]: VPSie has no SSH key "key-9"`,
		},
		"project": {
			func(s *v1alpha1.NodeGroupSpec) { s.Project = "project-9" },
			`spec.project: VPSie has no project "project-9"`,
		},
		"VPC": {
			func(s *v1alpha1.NodeGroupSpec) { s.VPCID = 9 },
			"spec.vpcID: VPSie has no VPC 9",
		},
		"VPC of another datacenter": {
			func(s *v1alpha1.NodeGroupSpec) { s.DatacenterIDs = []string{"fra1"} },
			`spec.vpcID: VPC 7 (inner) is in datacenter "ams1", which is not in datacenterIDs`,
		},
		"managed cluster": {
			func(s *v1alpha1.NodeGroupSpec) {
				s.OSImageID, s.Bootstrap = "", v1alpha1.Bootstrap{Mode: v1alpha1.BootstrapManaged, ClusterID: "cluster-9"}
			},
			`spec.bootstrap.clusterID: VPSie has no managed cluster "cluster-9"`,
		},
		"several at once": {
			func(s *v1alpha1.NodeGroupSpec) { s.Project, s.SSHKeyIDs = "project-9", []string{"key-9"} },
			`spec.sshKeyIDs[0]: VPSie has no SSH key "key-9"; spec.project: VPSie has no project "project-9"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := w.reconciler.check(t.Context(), &v1alpha1.NodeGroup{ObjectMeta: metav1.ObjectMeta{Name: "general"}, Spec: withDefaults(spec(tc.change))})
			assert.Equal(t, metav1.ConditionFalse, v.status, v.message)
			assert.Equal(t, "Invalid", v.reason)
			assert.Contains(t, v.message, tc.want)
		})
	}
}

// withDefaults is what the API server adds and the check depends on.
func withDefaults(s v1alpha1.NodeGroupSpec) v1alpha1.NodeGroupSpec {
	if s.Bootstrap.Mode == "" {
		s.Bootstrap.Mode = v1alpha1.BootstrapKubeadm
	}
	return s
}

func TestGroupsThatVPSieCanServe(t *testing.T) {
	config := account()
	config.Stock = map[fake.Place]int{{Offering: "std-2c4g", Datacenter: "ams1"}: 0}
	w := newWorld(t, config)
	for name, change := range map[string]func(*v1alpha1.NodeGroupSpec){
		"everything named":      func(*v1alpha1.NodeGroupSpec) {},
		"as little as possible": func(s *v1alpha1.NodeGroupSpec) { *s = v1alpha1.NodeGroupSpec{MaxNodes: 1, OSImageID: image} },
		"paused":                func(s *v1alpha1.NodeGroupSpec) { s.Paused = true },
		"managed": func(s *v1alpha1.NodeGroupSpec) {
			s.OfferingIDs = []string{"managed-std-2c4g"}
			s.OSImageID, s.Bootstrap = "", v1alpha1.Bootstrap{Mode: v1alpha1.BootstrapManaged, ClusterID: "cluster-1"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := w.reconciler.check(t.Context(), &v1alpha1.NodeGroup{ObjectMeta: metav1.ObjectMeta{Name: "general"}, Spec: withDefaults(spec(change))})
			assert.Equal(t, verdict{metav1.ConditionTrue, "Valid", "VPSie knows every identifier"}, v)
		})
	}
}

// stubs answer what a test says; nil lists and an empty error otherwise.
type stubs struct {
	Account
	images   []vpsie.Image
	projects error
	sold     error
}

func (s *stubs) CustomImages(context.Context) ([]vpsie.Image, error) { return s.images, nil }
func (s *stubs) Projects(context.Context) ([]vpsie.Project, error)   { return nil, s.projects }

func (s *stubs) Datacenters(context.Context) ([]vpsie.Datacenter, error) {
	return []vpsie.Datacenter{{ID: "ams1", Name: "Amsterdam", Active: true}, {ID: "old1", Name: "Oldenburg"}}, nil
}

func (s *stubs) Sold(context.Context, *v1alpha1.NodeGroup) (*offerings.Catalog, error) {
	return offerings.Sample(), s.sold
}

func TestImagesOfTheAccountAndDatacentersThatClosed(t *testing.T) {
	s := &stubs{images: []vpsie.Image{{ID: "deleted", Name: "old", Deleted: true}, {ID: "local", Name: "ours", Datacenter: "ams1"}}}
	r := stubbed(t, s)
	for name, tc := range map[string]struct {
		change func(*v1alpha1.NodeGroupSpec)
		want   string
	}{
		"deleted image":                   {func(s *v1alpha1.NodeGroupSpec) { s.OSImageID = "deleted" }, `spec.osImageID: image "deleted" (old) was deleted`},
		"image where the group buys":      {func(s *v1alpha1.NodeGroupSpec) { s.OSImageID = "local" }, ""},
		"image of one datacenter of many": {func(s *v1alpha1.NodeGroupSpec) { s.OSImageID, s.DatacenterIDs = "local", nil }, `spec.osImageID: image "local" (ours) is in datacenter "ams1" alone: datacenterIDs must be that one`},
		"closed datacenter":               {func(s *v1alpha1.NodeGroupSpec) { s.DatacenterIDs = []string{"old1"} }, `spec.datacenterIDs[0]: datacenter "old1" (Oldenburg) is not active`},
	} {
		t.Run(name, func(t *testing.T) {
			group := &v1alpha1.NodeGroup{Spec: v1alpha1.NodeGroupSpec{OSImageID: image, DatacenterIDs: []string{"ams1"}, Bootstrap: v1alpha1.Bootstrap{Mode: "kubeadm"}}}
			tc.change(&group.Spec)
			v := r.check(t.Context(), group)
			if tc.want == "" {
				assert.Equal(t, metav1.ConditionTrue, v.status, v.message)
				return
			}
			assert.Equal(t, tc.want, v.message)
		})
	}
}

// Only VPSie's own refusal is the group's fault.
func TestErrorsThatSayNothingAboutTheGroup(t *testing.T) {
	for _, kind := range []vpsie.Kind{vpsie.Unavailable, vpsie.RateLimited, vpsie.Unauthorized, vpsie.Unreadable, vpsie.Ambiguous, vpsie.Quota} {
		s := &stubs{projects: &vpsie.Error{Op: "Projects", Kind: kind, Message: "no"}}
		r := stubbed(t, s)
		group := &v1alpha1.NodeGroup{Spec: v1alpha1.NodeGroupSpec{OSImageID: image, Project: "p", Bootstrap: v1alpha1.Bootstrap{Mode: "kubeadm"}}}
		assert.Equalf(t, metav1.ConditionUnknown, r.check(t.Context(), group).status, "%s", kind)
		s.sold = &vpsie.Error{Op: "Plans", Kind: vpsie.Refused, Message: "no such system"}
		v := r.check(t.Context(), group)
		assert.Equal(t, metav1.ConditionFalse, v.status, "what is known to be wrong is said, whatever else is unknown")
		assert.Equal(t, "spec.osImageID: VPSie says: no such system", v.message)
	}
	r := stubbed(t, &stubs{sold: errors.New("list NodeGroups: no cache")})
	v := r.check(t.Context(), &v1alpha1.NodeGroup{Spec: v1alpha1.NodeGroupSpec{OSImageID: image, Bootstrap: v1alpha1.Bootstrap{Mode: "kubeadm"}}})
	assert.Equal(t, metav1.ConditionUnknown, v.status)
}

func stubbed(t *testing.T, s *stubs) *Reconciler {
	t.Helper()
	w := newStill(t)
	options := w.options
	options.Account, options.Catalog = s, s
	r, err := New(options)
	require.NoError(t, err)
	return r
}
