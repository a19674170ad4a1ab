package snapshot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/uuid"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// MinKeyBytes is the least that a key may have.
const MinKeyBytes = 16

// openDomains are of Kubernetes and of vendors: keys in them say nothing about
// whose cluster it is.
var openDomains = []string{
	"kubernetes.io", "k8s.io", "x-k8s.io", "vpsie.com", "nvidia.com", "amd.com", "intel.com",
}

// vendorDomains have values that a catalogue states, too.
var vendorDomains = []string{"vpsie.com", "nvidia.com", "amd.com", "intel.com"}

// openKeys are without a domain and are Kubernetes' own.
var openKeys = map[string]bool{
	"pod-template-hash": true, "controller-revision-hash": true, "pod-template-generation": true,
	"job-name": true, "controller-uid": true,
}

// openValueKeys stay, and so do their values, by which prices and machines are
// looked up. "region" is the topology of VPSie's CSI driver.
var openValueKeys = map[string]bool{
	v1.LabelInstanceTypeStable: true, v1.LabelInstanceType: true,
	v1.LabelTopologyZone: true, v1.LabelTopologyRegion: true,
	v1.LabelFailureDomainBetaZone: true, v1.LabelFailureDomainBetaRegion: true,
	v1.LabelOSStable: true, v1.LabelArchStable: true, "beta.kubernetes.io/os": true, "beta.kubernetes.io/arch": true,
	"region":               true,
	string(v1.ResourceCPU): true, string(v1.ResourceMemory): true, string(v1.ResourceEphemeralStorage): true, string(v1.ResourcePods): true,
}

// openNames are in every cluster, or are no names.
var openNames = map[string]bool{
	"": true, "true": true, "false": true,
	v1.NamespaceDefault: true, "kube-system": true, "kube-public": true, v1.NamespaceNodeLease: true,
	"system-cluster-critical": true, "system-node-critical": true,
}

// pseudonyms replaces names. Equal names have equal pseudonyms wherever they
// stand, because that is how Kubernetes' objects refer to each other.
type pseudonyms struct {
	key []byte
	// words are label keys of the catalogue; they and their values stay.
	words map[string]bool
	// numbers are label keys that something compares as numbers.
	numbers map[string]bool
	// ordered are names whose pseudonyms sort as they do.
	ordered map[string]string
	// claims are the claims of ephemeral volumes, by namespace and name: their
	// names are made of two others.
	claims map[types.NamespacedName]string
	known  map[string]string
}

func (p *pseudonyms) sum(text string) []byte {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// hash is 60 bits of the keyed hash, as 12 characters that every kind of name
// may hold.
func (p *pseudonyms) hash(text string) string {
	return alphabet.EncodeToString(p.sum(text))[:12]
}

// name is the pseudonym of a name or of a label's value: a DNS label that begins
// with a letter.
func (p *pseudonyms) name(name string) string {
	if ordered, ok := p.ordered[name]; ok {
		return ordered
	}
	if openNames[name] {
		return name
	}
	pseudonym, ok := p.known[name]
	if !ok {
		pseudonym = "x" + p.hash(name)
		p.known[name] = pseudonym
	}
	return pseudonym
}

// label is the key of a label or a taint.
func (p *pseudonyms) label(key string) string {
	domain, name, qualified := strings.Cut(key, "/")
	switch {
	case openKeys[key] || openValueKeys[key] || p.words[key]:
		return key
	case !qualified:
		return p.name(key)
	case within(domain, openDomains):
		return key
	}
	return p.name(domain) + "/" + p.name(name)
}

// value is the value that a label or a taint of the key has or is asked for.
func (p *pseudonyms) value(key, value string) string {
	domain, _, qualified := strings.Cut(key, "/")
	switch {
	case openValueKeys[key] || p.words[key] || p.numbers[key] && number.MatchString(value):
		return value
	case qualified && within(domain, vendorDomains) && domain != v1alpha1.GroupVersion.Group:
		return value
	}
	return p.name(value)
}

// number is an integer or a quantity, as Gt and Lt compare them.
var number = regexp.MustCompile(`^[-+]?[0-9.]{1,20}([KMGTPE]i?|[mk])?$`)

func (p *pseudonyms) values(key string, values []string) {
	for i := range values {
		values[i] = p.value(key, values[i])
	}
}

// path replaces the parts of a path one by one.
func (p *pseudonyms) path(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = p.name(parts[i])
	}
	return strings.Join(parts, "/")
}

// image keeps that the same image is the same image.
func (p *pseudonyms) image(image string) string {
	if image == "" {
		return ""
	}
	return p.name(imageName(image)) + ":latest"
}

func (p *pseudonyms) claim(namespace, name string) string {
	if made, ok := p.claims[types.NamespacedName{Namespace: namespace, Name: name}]; ok {
		return made
	}
	return p.name(name)
}

func (p *pseudonyms) uid(uid types.UID) types.UID {
	if uid == "" {
		return ""
	}
	id := uuid.UUID(p.sum("uid " + string(uid))[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8, of our own making
	id[8] = id[8]&0x3f | 0x80
	return types.UID(id.String())
}

// inOrder gives names pseudonyms of their own that sort as they do. names are
// sorted; a name that has one already keeps it.
func (p *pseudonyms) inOrder(prefix string, names []string) {
	width := len(fmt.Sprint(len(names)))
	for i, name := range names {
		if _, taken := p.ordered[name]; !taken {
			p.ordered[name] = fmt.Sprintf("%s%0*d-%s", prefix, width, i, p.hash(name)[:8])
		}
	}
}

// within says that a domain is one of these or below one.
func within(domain string, domains []string) bool {
	for _, d := range domains {
		if domain == d || strings.HasSuffix(domain, "."+d) {
			return true
		}
	}
	return false
}
