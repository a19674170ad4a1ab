package bootstrap

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	kubeadmapi "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta4"
	"sigs.k8s.io/yaml"

	kubeletapis "k8s.io/kubelet/pkg/apis"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// Data is what a template may use; docs/bootstrap.md describes each field.
type Data struct {
	// Hostname of the machine and name of its Node.
	Hostname string
	// ClusterID is the autoscaler's name for this cluster.
	ClusterID string
	// NodeGroup, Offering and Datacenter are those of the VPSieNode.
	NodeGroup, Offering, Datacenter string
	// KubernetesVersion with a leading v: the NodeGroup's, or the API server's.
	KubernetesVersion string
	// Endpoint is host:port of the API server.
	Endpoint string
	// CAHashes pin the public keys of the cluster's CAs, "sha256:" and hex.
	CAHashes []string
	// Token is the machine's bootstrap token, id.secret.
	Token string
	// Labels that the kubelet registers the Node with: those a kubelet may set.
	Labels map[string]string
	// Taints that the kubelet registers the Node with, the autoscaler's first.
	Taints []corev1.Taint
	// NodeLabels and RegisterWithTaints are the same as the kubelet's flags
	// --node-labels and --register-with-taints take them.
	NodeLabels, RegisterWithTaints string
	// VPCID is the NodeGroup's VPC, 0 for none.
	VPCID int64
	// JoinConfiguration is kubeadm's, in YAML: all of the above.
	JoinConfiguration string
}

// data is what the template of a machine gets, but for the token.
func (b *Bootstrapper) data(ctx context.Context, machine *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup, labels map[string]string) (Data, error) {
	cluster, err := b.cluster(ctx)
	if err != nil {
		return Data{}, err
	}
	version := group.Spec.KubernetesVersion
	if version == "" {
		server, err := b.options.Kubernetes.Discovery().ServerVersion()
		if err != nil {
			return Data{}, fmt.Errorf("asking the API server for its version: %w", err)
		}
		version = server.GitVersion
	}
	data := Data{
		Hostname:          machine.Spec.Hostname,
		ClusterID:         b.options.ClusterID,
		NodeGroup:         machine.Spec.NodeGroup,
		Offering:          machine.Spec.Offering,
		Datacenter:        machine.Spec.Datacenter,
		KubernetesVersion: "v" + strings.TrimPrefix(version, "v"),
		Endpoint:          cluster.endpoint,
		CAHashes:          cluster.caHashes,
		Labels:            registered(labels),
		Taints:            taints(group),
		VPCID:             group.Spec.VPCID,
	}
	data.NodeLabels = nodeLabels(data.Labels)
	data.RegisterWithTaints = registerWithTaints(data.Taints)
	return data, nil
}

// with is the data with a token, complete.
func (d Data) with(t token) (Data, error) {
	d.Token = t.String()
	configuration, err := d.joinConfiguration()
	d.JoinConfiguration = configuration
	return d, err
}

// ownLabels are those that a kubelet sets to what it finds.
var ownLabels = sets.New(corev1.LabelHostname, corev1.LabelOSStable, corev1.LabelArchStable, "beta.kubernetes.io/os", "beta.kubernetes.io/arch")

// registered are the labels that a kubelet can be told to register with. Others
// of Kubernetes' own namespaces it refuses to start with.
func registered(labels map[string]string) map[string]string {
	may := make(map[string]string, len(labels))
	for key, value := range labels {
		namespace, _, qualified := strings.Cut(key, "/")
		kubernetes := qualified && (isBelow(namespace, "kubernetes.io") || isBelow(namespace, "k8s.io"))
		if !ownLabels.Has(key) && (!kubernetes || kubeletapis.IsKubeletLabel(key)) {
			may[key] = value
		}
	}
	return may
}

func isBelow(namespace, domain string) bool {
	return namespace == domain || strings.HasSuffix(namespace, "."+domain)
}

// taints are on the node from registration on: ours first.
func taints(group *v1alpha1.NodeGroup) []corev1.Taint {
	list := []corev1.Taint{{Key: v1alpha1.StartupTaint, Effect: corev1.TaintEffectNoSchedule}}
	for _, taint := range slices.Concat(group.Spec.Taints, group.Spec.StartupTaints) {
		list = append(list, taint.CoreV1())
	}
	return list
}

func nodeLabels(labels map[string]string) string {
	list := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, key+"="+labels[key])
	}
	return strings.Join(list, ",")
}

func registerWithTaints(taints []corev1.Taint) string {
	list := make([]string, 0, len(taints))
	for _, taint := range taints {
		list = append(list, taint.Key+"="+taint.Value+":"+string(taint.Effect))
	}
	return strings.Join(list, ",")
}

func (d *Data) joinConfiguration() (string, error) {
	configuration := kubeadmapi.JoinConfiguration{
		TypeMeta: metav1.TypeMeta{APIVersion: kubeadmapi.SchemeGroupVersion.String(), Kind: "JoinConfiguration"},
		Discovery: kubeadmapi.Discovery{BootstrapToken: &kubeadmapi.BootstrapTokenDiscovery{
			Token: d.Token, APIServerEndpoint: d.Endpoint, CACertHashes: d.CAHashes,
		}},
		NodeRegistration: kubeadmapi.NodeRegistrationOptions{
			Name:             d.Hostname,
			Taints:           d.Taints,
			KubeletExtraArgs: []kubeadmapi.Arg{{Name: "node-labels", Value: d.NodeLabels}},
		},
	}
	text, err := yaml.Marshal(configuration)
	if err != nil {
		return "", fmt.Errorf("writing the JoinConfiguration of %s: %w", d.Hostname, err)
	}
	return string(text), nil
}
