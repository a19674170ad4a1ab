package rbactest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/deploy/rbac"
)

func TestMain(m *testing.M) {
	planetest.Main(m, plane.Options{NoScheduler: true, NoControllerManager: true})
}

// The API server's own answer to what the ServiceAccount may do: every permission
// that Permissions reads from the manifest, and none of these others.
func TestTheAPIServerGrantsWhatTheManifestSaysAndNoMore(t *testing.T) {
	cluster := planetest.Get(t)
	require.NoError(t, cluster.Apply(t.Context(), rbac.Manifests))
	config, err := cluster.ServiceAccountConfig(t.Context(), rbac.Namespace, rbac.ServiceAccount)
	require.NoError(t, err)
	robot, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	may := func(p Permission, name string) bool {
		resource, sub, _ := strings.Cut(p.Resource, "/")
		review, err := robot.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: p.Namespace, Verb: p.Verb, Group: p.Group, Resource: resource, Subresource: sub, Name: name,
			}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		return review.Status.Allowed
	}
	permissions, err := Permissions(rbac.Manifests, rbac.Namespace, rbac.ServiceAccount)
	require.NoError(t, err)
	for _, p := range permissions {
		name := "any"
		if len(p.Names) > 0 {
			name = p.Names[0]
		}
		assert.Truef(t, may(p, name), "%s", p)
	}
	for _, p := range []Permission{
		{Verb: "get", Resource: "secrets", Namespace: "kube-system"},
		{Verb: "list", Resource: "secrets", Namespace: "kube-system"},
		{Verb: "watch", Resource: "secrets", Namespace: "kube-system"},
		{Verb: "update", Resource: "secrets", Namespace: "kube-system"},
		{Verb: "create", Resource: "secrets", Namespace: "default"},
		{Verb: "delete", Resource: "secrets", Namespace: "default"},
		{Verb: "delete", Resource: "pods", Namespace: "default"},
		{Verb: "create", Resource: "pods", Namespace: "default"},
		{Verb: "create", Resource: "pods/binding", Namespace: "default"},
		{Verb: "create", Resource: "pods/exec", Namespace: "default"},
		{Verb: "create", Resource: "nodes"},
		{Verb: "patch", Resource: "nodes/status"},
		{Verb: "delete", Resource: "namespaces"},
		{Verb: "update", Resource: "configmaps", Namespace: "default"},
		{Verb: "get", Resource: "configmaps", Namespace: "kube-public"},
		{Verb: "delete", Resource: "nodegroups", Group: "autoscaler.vpsie.com"},
		{Verb: "create", Resource: "clusterrolebindings", Group: "rbac.authorization.k8s.io"},
		{Verb: "escalate", Resource: "clusterroles", Group: "rbac.authorization.k8s.io"},
		{Verb: "impersonate", Resource: "users"},
		{Verb: "approve", Resource: "signers", Group: "certificates.k8s.io"},
		{Verb: "get", Resource: "leases", Group: "coordination.k8s.io", Namespace: "kube-node-lease"},
	} {
		assert.Falsef(t, may(p, "any"), "%s", p)
	}
}

// A list that selects the one name is allowed, and none other: that is how the
// credentials are watched.
func TestTheSecretIsListedByName(t *testing.T) {
	cluster := planetest.Get(t)
	require.NoError(t, cluster.Apply(t.Context(), rbac.Manifests))
	admin, err := kubernetes.NewForConfig(cluster.Config())
	require.NoError(t, err)
	for _, name := range []string{"vpsie-secret", "other"} {
		_, err = admin.CoreV1().Secrets("kube-system").Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	config, err := cluster.ServiceAccountConfig(t.Context(), rbac.Namespace, rbac.ServiceAccount)
	require.NoError(t, err)
	robot, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	list, err := robot.CoreV1().Secrets("kube-system").List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=vpsie-secret"})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	watch, err := robot.CoreV1().Secrets("kube-system").Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=vpsie-secret"})
	require.NoError(t, err)
	watch.Stop()
	for _, selector := range []string{"", "metadata.name=other", "type=Opaque"} {
		_, err = robot.CoreV1().Secrets("kube-system").List(t.Context(), metav1.ListOptions{FieldSelector: selector})
		assert.Truef(t, apierrors.IsForbidden(err), "%q: %v", selector, err)
	}
}
