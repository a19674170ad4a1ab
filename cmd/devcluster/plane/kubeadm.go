package plane

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

//go:embed kubeadm.yaml
var kubeadmManifests []byte

// initialise leaves behind what kubeadm init does.
func (p *Plane) initialise(ctx context.Context) error {
	clusterInfo, err := p.clusterInfo()
	if err != nil {
		return err
	}
	version, err := p.client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("asking the API server for its version: %w", err)
	}
	clusterConfiguration, err := yaml.Marshal(map[string]any{
		"apiVersion":           "kubeadm.k8s.io/v1beta4",
		"kind":                 "ClusterConfiguration",
		"clusterName":          "kubernetes",
		"controlPlaneEndpoint": p.Endpoint(),
		"kubernetesVersion":    version.GitVersion,
		"networking":           map[string]any{"dnsDomain": "cluster.local", "serviceSubnet": serviceRange},
	})
	if err != nil {
		return err
	}
	manifests := [][]byte{kubeadmManifests}
	for _, configMap := range []*corev1.ConfigMap{
		{
			ObjectMeta: metav1.ObjectMeta{Name: "cluster-info", Namespace: metav1.NamespacePublic},
			Data:       map[string]string{"kubeconfig": string(clusterInfo)},
		},
		{
			ObjectMeta: metav1.ObjectMeta{Name: "kubeadm-config", Namespace: metav1.NamespaceSystem},
			Data:       map[string]string{"ClusterConfiguration": string(clusterConfiguration)},
		},
	} {
		configMap.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}
		manifest, err := yaml.Marshal(configMap)
		if err != nil {
			return err
		}
		manifests = append(manifests, manifest)
	}
	return p.Apply(ctx, bytes.Join(manifests, []byte("\n---\n")))
}

// clusterInfo is the kubeconfig that everybody may read: the address of the API
// server and its CA, and no user.
func (p *Plane) clusterInfo() ([]byte, error) {
	return clientcmd.Write(clientcmdapi.Config{Clusters: map[string]*clientcmdapi.Cluster{
		"": {Server: p.url(), CertificateAuthorityData: p.ca.cert},
	}})
}
