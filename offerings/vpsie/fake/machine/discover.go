package machine

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
	"k8s.io/cluster-bootstrap/token/jws"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/pubkeypin"
)

// place is a control plane that a machine was convinced of.
type place struct {
	server string
	ca     []byte
}

// discover finds the control plane as kubeadm does: cluster-info as anybody may
// read it, trusted for its signature by the token and for its CA's hash, and
// read once more from a server that the CA vouches for.
func (g *guest) discover(ctx context.Context, r *joinRequest) (*place, error) {
	id, secret := r.token[:6], r.token[7:]
	pins := pubkeypin.NewSet()
	if err := pins.Allow(r.caHashes...); err != nil {
		return nil, fmt.Errorf("invalid hash of the CA: %w", err)
	}
	timeout := g.config.DiscoveryTimeout
	if r.timeout != 0 {
		timeout = r.timeout
	}
	open, cleanup, err := client(&rest.Config{Host: "https://" + r.endpoint, TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
	if err != nil {
		return nil, err
	}
	defer cleanup()
	info, err := g.clusterInfo(ctx, open, id, timeout)
	if err != nil {
		return nil, err
	}
	text := info.Data[bootstrapapi.KubeConfigKey]
	if !jws.DetachedTokenIsValid(info.Data[bootstrapapi.JWSSignatureKeyPrefix+id], text, id, secret) {
		return nil, errors.New("failed to verify the JWS signature of cluster-info: the token's secret is not this cluster's")
	}
	found, err := placeOf(text)
	if err != nil || pins.Empty() {
		return found, err
	}
	certificates, err := cert.ParseCertsPEM(found.ca)
	if err != nil {
		return nil, fmt.Errorf("the CA in cluster-info: %w", err)
	}
	if err := pins.CheckAny(certificates); err != nil {
		return nil, fmt.Errorf("the CA in cluster-info is invalid: %w", err)
	}
	trusted, cleanup, err := client(&rest.Config{Host: "https://" + r.endpoint, TLSClientConfig: rest.TLSClientConfig{CAData: found.ca}})
	if err != nil {
		return nil, err
	}
	defer cleanup()
	again, err := g.clusterInfo(ctx, trusted, id, timeout)
	if err != nil {
		return nil, err
	}
	if again.Data[bootstrapapi.KubeConfigKey] != text {
		return nil, errors.New("cluster-info read through the pinned CA differs from what was read before")
	}
	return found, nil
}

// clusterInfo waits until cluster-info is there and signed for the token.
func (g *guest) clusterInfo(ctx context.Context, c kubernetes.Interface, id string, timeout time.Duration) (*corev1.ConfigMap, error) {
	giveUp := g.config.Clock.Now().Add(timeout)
	for {
		info, err := c.CoreV1().ConfigMaps(metav1.NamespacePublic).Get(ctx, bootstrapapi.ConfigMapClusterInfo, metav1.GetOptions{})
		var last error
		switch {
		case err != nil:
			last = fmt.Errorf("reading cluster-info: %w", err)
		case info.Data[bootstrapapi.JWSSignatureKeyPrefix+id] == "":
			last = errors.New("cluster-info has no signature for the token: it is invalid for this cluster, or has expired")
		default:
			return info, nil
		}
		if !g.config.Clock.Now().Before(giveUp) {
			return nil, last
		}
		if err := g.pause(ctx, g.config.RetryPeriod); err != nil {
			return nil, err
		}
	}
}

func placeOf(kubeconfig string) (*place, error) {
	config, err := clientcmd.Load([]byte(kubeconfig))
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig in cluster-info: %w", err)
	}
	for _, c := range config.Clusters {
		return &place{server: c.Server, ca: c.CertificateAuthorityData}, nil
	}
	return nil, errors.New("the kubeconfig in cluster-info names no cluster")
}

// client is one on a connection of its own, and what closes that.
func client(config *rest.Config) (kubernetes.Interface, func(), error) {
	config.QPS = -1 // a machine asks little, and a kubelet is not to wait for itself
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	config.UserAgent = "fake-vpsie-machine"
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, nil, err
	}
	c, err := kubernetes.NewForConfigAndClient(config, httpClient)
	return c, httpClient.CloseIdleConnections, err
}

// transient says whether an error may pass by itself: the API server restarts.
func transient(err error) bool {
	return err != nil && !apierrors.IsUnauthorized(err) && !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) &&
		!apierrors.IsBadRequest(err) && !apierrors.IsNotFound(err) && !apierrors.IsAlreadyExists(err)
}
