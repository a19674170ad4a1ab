package machine

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	kubeletapis "k8s.io/kubelet/pkg/apis"
)

// settings of a kubelet, from its flags.
type settings struct {
	name       string
	labels     map[string]string
	taints     []corev1.Taint
	providerID string
	nodeIP     string
	maxPods    int64 // 0: the offering's
}

// withoutEffect are flags of a real kubelet that change nothing here. What is
// reserved is in the offering's allocatable already.
var withoutEffect = []string{
	"address", "allowed-unsafe-sysctls", "anonymous-auth", "authentication-token-webhook", "authorization-mode", "bootstrap-kubeconfig",
	"cgroup-driver", "cgroup-root", "cgroups-per-qos", "client-ca-file", "cluster-dns", "cluster-domain", "config", "config-dir",
	"container-runtime-endpoint", "cpu-manager-policy", "enforce-node-allocatable", "eviction-hard", "eviction-soft", "fail-swap-on",
	"feature-gates", "image-gc-high-threshold", "image-gc-low-threshold", "image-service-endpoint", "kube-reserved", "kubeconfig",
	"log-file-max-size", "logging-format", "node-status-update-frequency", "pod-infra-container-image", "protect-kernel-defaults",
	"read-only-port", "resolv-conf", "root-dir", "rotate-certificates", "rotate-server-certificates", "runtime-request-timeout",
	"seccomp-default", "serialize-image-pulls", "streaming-connection-idle-timeout", "system-reserved", "tls-cipher-suites",
	"tls-min-version", "topology-manager-policy", "v", "volume-plugin-dir",
}

// parseKubeletArgs reads what a kubelet would be started with. A kubelet does
// not start with a flag that it does not know, nor with a label that it may not
// give itself.
func parseKubeletArgs(r *joinRequest) (*settings, error) {
	s := &settings{name: r.name, labels: map[string]string{}, taints: slices.Clone(r.taints)}
	for _, arg := range r.kubeletArgs {
		var err error
		switch arg.Name {
		case "node-labels":
			err = s.setLabels(arg.Value)
		case "register-with-taints":
			err = s.addTaints(arg.Value)
		case "provider-id":
			s.providerID = arg.Value
		case "node-ip":
			if _, err = netip.ParseAddr(arg.Value); err == nil {
				s.nodeIP = arg.Value
			}
		case "hostname-override":
			s.name = strings.ToLower(arg.Value)
		case "max-pods":
			s.maxPods, err = strconv.ParseInt(arg.Value, 10, 32)
		case "cloud-provider":
			if arg.Value == "external" {
				s.taints = append(s.taints, corev1.Taint{
					Key: "node.cloudprovider.kubernetes.io/uninitialized", Value: "true", Effect: corev1.TaintEffectNoSchedule,
				})
			}
		default:
			if !slices.Contains(withoutEffect, arg.Name) {
				err = fmt.Errorf("unknown flag")
			}
		}
		if err != nil {
			return nil, fmt.Errorf("kubelet: --%s: %w", arg.Name, hidden(err))
		}
	}
	return s, nil
}

func (s *settings) setLabels(text string) error {
	for _, pair := range strings.Split(text, ",") {
		key, value, isPair := strings.Cut(pair, "=")
		if !isPair {
			return fmt.Errorf("%s is not key=value", printable(pair))
		}
		if problems := append(content.IsLabelKey(key), content.IsLabelValue(value)...); len(problems) > 0 {
			return fmt.Errorf("%s: %s", printable(pair), problems[0])
		}
		domain, _, _ := strings.Cut(key, "/")
		reserved := strings.Contains(key, "/") && (isDomain(domain, "kubernetes.io") || isDomain(domain, "k8s.io"))
		if reserved && !kubeletapis.IsKubeletLabel(key) {
			return fmt.Errorf("%s: labels in the namespaces kubernetes.io and k8s.io must be ones that a kubelet may set", printable(key))
		}
		s.labels[key] = value
	}
	return nil
}

func isDomain(domain, of string) bool { return domain == of || strings.HasSuffix(domain, "."+of) }

func (s *settings) addTaints(text string) error {
	for _, t := range strings.Split(text, ",") {
		pair, effect, found := strings.Cut(t, ":")
		key, value, _ := strings.Cut(pair, "=")
		known := []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}
		if !found || len(content.IsLabelKey(key)) > 0 || len(content.IsLabelValue(value)) > 0 || !slices.Contains(known, corev1.TaintEffect(effect)) {
			return fmt.Errorf("%s is not key=value:effect", printable(t))
		}
		s.taints = append(s.taints, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)})
	}
	return nil
}
