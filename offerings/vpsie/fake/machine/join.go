package machine

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509/pkix"
	"errors"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/certificate/csr"
	"k8s.io/client-go/util/keyutil"
)

// join makes the machine a node, or says why not.
func (g *guest) join(ctx context.Context, r *joinRequest) error {
	if g.kubelet != nil {
		return errors.New("preflight: a kubelet runs already (/etc/kubernetes/kubelet.conf exists)")
	}
	settings, err := parseKubeletArgs(r)
	if err != nil {
		return err
	}
	if own := g.addresses(); settings.nodeIP == "" && len(own) > 0 {
		settings.nodeIP = own[len(own)-1]
	}
	settings.nodeIP = or(settings.nodeIP, "127.0.0.1")
	found, err := g.discover(ctx, r)
	if err != nil {
		return err
	}
	identity, err := g.certificate(ctx, found, r.tlsToken, settings.name)
	if err != nil {
		return err
	}
	own, cleanup, err := client(&rest.Config{Host: found.server, TLSClientConfig: *identity})
	if err != nil {
		return err
	}
	k := newKubelet(g, own, settings)
	if err := k.register(ctx); err != nil {
		cleanup()
		return fmt.Errorf("registering node %s: %w", settings.name, err)
	}
	g.kubelet = k
	g.report(stageJoined(settings.name))
	g.running.Go(func() {
		defer cleanup()
		k.run(g.life)
	})
	return nil
}

// certificate has a client certificate signed with the bootstrap token.
func (g *guest) certificate(ctx context.Context, at *place, bearer, node string) (*rest.TLSClientConfig, error) {
	c, cleanup, err := client(&rest.Config{Host: at.server, BearerToken: bearer, TLSClientConfig: rest.TLSClientConfig{CAData: at.ca}})
	if err != nil {
		return nil, err
	}
	defer cleanup()
	if err := g.nameIsFree(ctx, c, node); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	request, err := cert.MakeCSR(key, &pkix.Name{CommonName: "system:node:" + node, Organization: []string{"system:nodes"}}, nil, nil)
	if err != nil {
		return nil, err
	}
	keyPEM, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return nil, err
	}
	name, uid, err := csr.RequestCertificateWithContext(ctx, c, request, "", certificatesv1.KubeAPIServerClientKubeletSignerName, nil,
		[]certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth}, key)
	if err != nil {
		return nil, fmt.Errorf("requesting a certificate: %w", err)
	}
	waiting, cancel := context.WithTimeout(ctx, g.config.CertificateTimeout)
	defer cancel()
	signed, err := csr.WaitForCertificate(waiting, c, name, uid)
	if err != nil {
		return nil, fmt.Errorf("waiting for the certificate to be signed: %w", err)
	}
	return &rest.TLSClientConfig{CAData: at.ca, CertData: signed, KeyData: keyPEM}, nil
}

// nameIsFree is kubeadm's check that no other node of the name is alive. It
// asks more than once, since it is the first that needs the token.
func (g *guest) nameIsFree(ctx context.Context, c kubernetes.Interface, name string) error {
	giveUp := g.config.Clock.Now().Add(g.config.CertificateTimeout)
	for {
		existing, err := c.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case err == nil:
			for _, condition := range existing.Status.Conditions {
				if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
					return fmt.Errorf("a Node with name %s and status Ready already exists in the cluster", name)
				}
			}
			return nil
		case !transient(err) || !g.config.Clock.Now().Before(giveUp):
			return fmt.Errorf("asking whether the name %s is free: %w", name, err)
		}
		if err := g.pause(ctx, g.config.RetryPeriod); err != nil {
			return err
		}
	}
}
