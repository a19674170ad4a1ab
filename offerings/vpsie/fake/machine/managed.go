package machine

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
)

// Managed is what VPSie does for the workers of a managed cluster: a
// fake.Cluster's UserData. For each it makes a bootstrap token, with the rights
// of the client given, and has the worker join with that, without labels and
// without taints. Endpoint is the API server's HOST:PORT, caHash its CA's hash
// as kubeadm writes it.
func Managed(admin kubernetes.Interface, endpoint, caHash string) func(hostname string) ([]byte, error) {
	return func(hostname string) ([]byte, error) {
		id, secret := randomText(6), randomText(16)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := admin.CoreV1().Secrets(metav1.NamespaceSystem).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: bootstrapapi.BootstrapTokenSecretPrefix + id},
			Type:       corev1.SecretTypeBootstrapToken,
			StringData: map[string]string{
				bootstrapapi.BootstrapTokenIDKey: id, bootstrapapi.BootstrapTokenSecretKey: secret,
				bootstrapapi.BootstrapTokenExpirationKey:       time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
				bootstrapapi.BootstrapTokenUsageAuthentication: "true", bootstrapapi.BootstrapTokenUsageSigningKey: "true",
				bootstrapapi.BootstrapTokenExtraGroupsKey: "system:bootstrappers:kubeadm:default-node-token",
			},
		}, metav1.CreateOptions{})
		if err != nil {
			return nil, fmt.Errorf("making a bootstrap token: %w", err)
		}
		return fmt.Appendf(nil, "#!/bin/sh\nkubeadm join %s --token %s.%s --discovery-token-ca-cert-hash %s --node-name %s\n",
			endpoint, id, secret, caHash, hostname), nil
	}
}

// randomText is n characters of a token, at most 26.
func randomText(n int) string { return strings.ToLower(rand.Text()[:n]) }
