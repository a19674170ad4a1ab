package plane_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
)

// bootstrapToken creates a token as `kubeadm token create` does.
func bootstrapToken(t *testing.T, cluster *plane.Plane, id, secret string) string {
	t.Helper()
	_, err := clientFor(t, cluster.Config()).CoreV1().Secrets(metav1.NamespaceSystem).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-" + id},
		Type:       corev1.SecretTypeBootstrapToken,
		StringData: map[string]string{
			"token-id": id, "token-secret": secret,
			"usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true",
			"auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return id + "." + secret
}

func TestMachineJoinsWithBootstrapToken(t *testing.T) {
	cluster := planetest.Get(t)
	t.Cleanup(func() { planetest.Reset(t, cluster) })
	token := bootstrapToken(t, cluster, "abcdef", "0123456789abcdef")

	// It reads cluster-info without trusting the server yet.
	stranger := clientFor(t, &rest.Config{Host: "https://" + cluster.Endpoint(), TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
	var info *corev1.ConfigMap
	eventually(t, "the signature of cluster-info", func() (err error) {
		info, err = stranger.CoreV1().ConfigMaps(metav1.NamespacePublic).Get(t.Context(), "cluster-info", metav1.GetOptions{})
		if err == nil && info.Data["jws-kubeconfig-abcdef"] == "" {
			err = errors.New("not signed")
		}
		return err
	})
	discovered, err := clientcmd.Load([]byte(info.Data["kubeconfig"]))
	require.NoError(t, err)
	ca := discovered.Clusters[""].CertificateAuthorityData
	assert.Equal(t, "https://"+cluster.Endpoint(), discovered.Clusters[""].Server)
	assert.Equal(t, cluster.CA(), ca)
	block, _ := pem.Decode(ca)
	parsed, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	sum := sha256.Sum256(parsed.RawSubjectPublicKeyInfo)
	assert.Equal(t, cluster.CAHash(), "sha256:"+hex.EncodeToString(sum[:]))

	// It reads its configuration and has its certificate signed with the token.
	trusting := rest.Config{Host: discovered.Clusters[""].Server, TLSClientConfig: rest.TLSClientConfig{CAData: ca}}
	withToken := trusting
	withToken.BearerToken = token
	bootstrapper := clientFor(t, &withToken)
	for _, name := range []string{"kubeadm-config", "kubelet-config"} {
		_, err = bootstrapper.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err, name)
	}
	_, err = bootstrapper.CoreV1().Nodes().Get(t.Context(), "node-1", metav1.GetOptions{})
	assert.True(t, apierrors.IsNotFound(err), "kubeadm looks whether the name is taken: %v", err)
	_, err = bootstrapper.CoreV1().Secrets(metav1.NamespaceSystem).List(t.Context(), metav1.ListOptions{})
	assert.True(t, apierrors.IsForbidden(err), "a token is good for joining only: %v", err)
	key, err := keyutil.MakeEllipticPrivateKeyPEM()
	require.NoError(t, err)
	signer, err := keyutil.ParsePrivateKeyPEM(key)
	require.NoError(t, err)
	request, err := cert.MakeCSR(signer, &pkix.Name{CommonName: "system:node:node-1", Organization: []string{"system:nodes"}}, nil, nil)
	require.NoError(t, err)
	csr, err := bootstrapper.CertificatesV1().CertificateSigningRequests().Create(t.Context(), &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "csr-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request:    request,
			SignerName: certificatesv1.KubeAPIServerClientKubeletSignerName,
			Usages:     []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	eventually(t, "the certificate", func() (err error) {
		csr, err = bootstrapper.CertificatesV1().CertificateSigningRequests().Get(t.Context(), csr.Name, metav1.GetOptions{})
		if err == nil && len(csr.Status.Certificate) == 0 {
			err = errors.New("not signed")
		}
		return err
	})

	// It is a node, and that node alone.
	asNode := trusting
	asNode.CertData, asNode.KeyData = csr.Status.Certificate, key
	kubelet := clientFor(t, &asNode)
	_, err = kubelet.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = kubelet.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-2"}}, metav1.CreateOptions{})
	assert.ErrorContains(t, err, `node "node-1" is not allowed to modify node "node-2"`)
}

func TestWrongTokenIsNobody(t *testing.T) {
	cluster := planetest.Get(t)
	t.Cleanup(func() { planetest.Reset(t, cluster) })
	bootstrapToken(t, cluster, "abcdef", "0123456789abcdef")
	config := rest.AnonymousClientConfig(cluster.Config())
	config.BearerToken = "abcdef.aaaaaaaaaaaaaaaa"
	_, err := clientFor(t, config).CoreV1().Nodes().Get(t.Context(), "node-1", metav1.GetOptions{})
	assert.True(t, apierrors.IsUnauthorized(err), "%v", err)
}

func TestUsersMayWhatRBACSays(t *testing.T) {
	cluster := planetest.Get(t)
	t.Cleanup(func() { planetest.Reset(t, cluster) })
	admin := clientFor(t, cluster.Config())
	reader, err := admin.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "test-node-reader"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"list"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = admin.RbacV1().ClusterRoles().Delete(context.WithoutCancel(t.Context()), reader.Name, metav1.DeleteOptions{})
	})

	_, err = admin.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Create(t.Context(),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "test-robot"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	robot, err := cluster.ServiceAccountConfig(t.Context(), metav1.NamespaceDefault, "test-robot")
	require.NoError(t, err)
	human, err := cluster.UserConfig("anna", "test-operators")
	require.NoError(t, err)
	configs := map[string]*rest.Config{"ServiceAccount": robot, "user": human}

	for name, config := range configs {
		_, err := clientFor(t, config).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		assert.True(t, apierrors.IsForbidden(err), "%s before anybody said so: %v", name, err)
	}
	_, err = admin.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{
			Name:            "test-node-readers",
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: reader.Name, UID: reader.UID}},
		},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: reader.Name},
		Subjects: []rbacv1.Subject{
			{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceDefault, Name: "test-robot"},
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "test-operators"},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	for name, config := range configs {
		client := clientFor(t, config)
		eventually(t, name, func() error {
			_, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
			return err
		})
		// The same user through a kubeconfig.
		content, err := plane.KubeconfigOf(config)
		require.NoError(t, err)
		read, err := clientcmd.RESTConfigFromKubeConfig(content)
		require.NoError(t, err)
		_, err = clientFor(t, read).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
	}
	_, err = cluster.ServiceAccountConfig(t.Context(), metav1.NamespaceDefault, "nobody")
	assert.ErrorContains(t, err, "requesting a token of ServiceAccount default/nobody")
}
