package bootstrap

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
)

// cluster is what a machine must know of the cluster that it joins.
type cluster struct {
	// endpoint is host:port of the API server.
	endpoint string
	// caHashes pin the public keys of its CAs, as kubeadm takes them.
	caHashes []string
}

// cluster reads kube-public/cluster-info, where kubeadm says how to join.
func (b *Bootstrapper) cluster(ctx context.Context) (cluster, error) {
	const name = bootstrapapi.ConfigMapClusterInfo
	info, err := b.options.Kubernetes.CoreV1().ConfigMaps(metav1.NamespacePublic).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return cluster{}, fmt.Errorf("reading ConfigMap %s/%s: %w", metav1.NamespacePublic, name, err)
	}
	found, err := readClusterInfo(info.Data[bootstrapapi.KubeConfigKey])
	if err != nil {
		return cluster{}, fmt.Errorf("ConfigMap %s/%s: key %s: %w", metav1.NamespacePublic, name, bootstrapapi.KubeConfigKey, err)
	}
	return found, nil
}

// readClusterInfo reads the kubeconfig of cluster-info, which names one cluster
// and no user.
func readClusterInfo(kubeconfig string) (cluster, error) {
	if kubeconfig == "" {
		return cluster{}, errors.New("is missing: kubeadm writes it, and machines join by it")
	}
	config, err := clientcmd.Load([]byte(kubeconfig))
	if err != nil {
		return cluster{}, fmt.Errorf("is no kubeconfig: %w", err)
	}
	if len(config.Clusters) != 1 {
		return cluster{}, fmt.Errorf("must name one cluster, names %d", len(config.Clusters))
	}
	for _, c := range config.Clusters {
		endpoint, err := hostPort(c.Server)
		if err != nil {
			return cluster{}, err
		}
		hashes, err := keyHashes(c.CertificateAuthorityData)
		return cluster{endpoint: endpoint, caHashes: hashes}, err
	}
	return cluster{}, nil
}

func hostPort(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return "", fmt.Errorf("server %q is no https URL", server)
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// keyHashes are the hashes of the certificates' public keys (RFC 7469), as
// kubeadm's --discovery-token-ca-cert-hash takes them.
func keyHashes(bundle []byte) ([]string, error) {
	var hashes []string
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate-authority-data: %w", err)
		}
		sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
		hashes = append(hashes, "sha256:"+hex.EncodeToString(sum[:]))
	}
	if len(hashes) == 0 {
		return nil, errors.New("certificate-authority-data has no certificate")
	}
	return hashes, nil
}
