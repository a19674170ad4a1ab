package plane

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Endpoint is host:port of the API server, the same for as long as the plane lives.
func (p *Plane) Endpoint() string { return address(p.ports.apiServer) }

func (p *Plane) url() string { return "https://" + p.Endpoint() }

// CA is the certificate of the plane's CA, PEM.
func (p *Plane) CA() []byte { return p.ca.cert }

// CAHash is the hash of the CA's public key, "sha256:" and hex, as kubeadm join
// takes it.
func (p *Plane) CAHash() string { return p.authority.hash() }

// Kubeconfig is the path of the administrator's kubeconfig.
func (p *Plane) Kubeconfig() string { return p.options.KubeconfigPath }

// Dir is the folder of the plane's files; the logs are in Dir/logs unless Options
// said otherwise.
func (p *Plane) Dir() string { return p.options.Dir }

// Config is the administrator's (group system:masters), a new copy each time and
// without a client-side rate limit.
func (p *Plane) Config() *rest.Config { return rest.CopyConfig(p.admin) }

// UserConfig is that of a user in the given groups, by a certificate that the
// plane's CA signed. RBAC decides what the user may do: nothing, if nobody said.
func (p *Plane) UserConfig(user string, groups ...string) (*rest.Config, error) {
	client, err := p.authority.client(user, groups...)
	if err != nil {
		return nil, err
	}
	config := p.anonymous()
	config.CertData, config.KeyData = client.cert, client.key
	return config, nil
}

// ServiceAccountConfig is that of a ServiceAccount, which must exist, by a token
// of one hour.
func (p *Plane) ServiceAccountConfig(ctx context.Context, namespace, name string) (*rest.Config, error) {
	hour := int64(time.Hour / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hour}}
	token, err := p.client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("requesting a token of ServiceAccount %s/%s: %w", namespace, name, err)
	}
	config := p.anonymous()
	config.BearerToken = token.Status.Token
	return config, nil
}

// anonymous trusts the API server and says nothing of who asks.
func (p *Plane) anonymous() *rest.Config {
	return &rest.Config{
		Host:            p.url(),
		TLSClientConfig: rest.TLSClientConfig{CAData: p.ca.cert},
		QPS:             -1,
	}
}

// KubeconfigOf is a kubeconfig with the address and the credentials of a Config
// of this plane, for programs that read one.
func KubeconfigOf(config *rest.Config) ([]byte, error) {
	const name = "devcluster"
	return clientcmd.Write(clientcmdapi.Config{
		CurrentContext: name,
		Clusters: map[string]*clientcmdapi.Cluster{
			name: {Server: config.Host, CertificateAuthorityData: config.CAData},
		},
		Contexts: map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{name: {
			ClientCertificateData: config.CertData,
			ClientKeyData:         config.KeyData,
			Token:                 config.BearerToken,
		}},
	})
}
