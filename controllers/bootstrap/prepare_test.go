package bootstrap_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	kubeadmapi "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta4"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/yaml"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/bootstrap"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

func TestMain(m *testing.M) { planetest.Main(m) }

const uid = types.UID("11111111-2222-3333-4444-555555555555")

// shelf is where VPSie stores scripts.
type shelf struct {
	scripts map[string]string
	names   map[string]string
	next    string
	fails   error
}

func (s *shelf) Scripts(context.Context) ([]vpsie.Script, error) {
	var list []vpsie.Script
	for id := range s.scripts {
		list = append(list, vpsie.Script{ID: id, Name: s.names[id]})
	}
	return list, s.fails
}

func (s *shelf) AddScript(_ context.Context, name, content string, _ ...string) error {
	s.next += "i"
	s.scripts[s.next], s.names[s.next] = content, name+".sh"
	return nil
}

func (s *shelf) DeleteScript(_ context.Context, id string) error {
	delete(s.scripts, id)
	return nil
}

// workshop is a bootstrapper on a control plane.
type workshop struct {
	*testing.T
	plane   *plane.Plane
	client  kubernetes.Interface
	shelf   *shelf
	options bootstrap.Options
	*bootstrap.Bootstrapper
}

func newWorkshop(t *testing.T, random io.Reader) *workshop {
	cluster := planetest.Get(t)
	client, err := kubernetes.NewForConfig(cluster.Config())
	require.NoError(t, err)
	w := &workshop{T: t, plane: cluster, client: client, shelf: &shelf{scripts: map[string]string{}, names: map[string]string{}}}
	w.options = bootstrap.Options{
		Kubernetes: client, Scripts: w.shelf, Namespace: "default", ClusterID: "prod", Random: random,
		Clock: clocktesting.NewFakePassiveClock(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)),
	}
	w.Bootstrapper, err = bootstrap.New(w.options)
	require.NoError(t, err)
	t.Cleanup(func() { planetest.Reset(t, cluster) })
	return w
}

func machine() *v1alpha1.VPSieNode {
	return &v1alpha1.VPSieNode{
		ObjectMeta: metav1.ObjectMeta{Name: "vpsie-general-x1", UID: uid},
		Spec:       v1alpha1.VPSieNodeSpec{NodeGroup: "general", Hostname: "vpsie-general-x1", Offering: "std-2c4g", Datacenter: "ams1"},
	}
}

func group(mode v1alpha1.BootstrapMode, template string) *v1alpha1.NodeGroup {
	g := &v1alpha1.NodeGroup{ObjectMeta: metav1.ObjectMeta{Name: "general"}}
	g.Spec.Bootstrap.Mode = mode
	if template != "" {
		g.Spec.Bootstrap.Template = &v1alpha1.TemplateReference{ConfigMap: "join", Key: template}
	}
	g.Spec.Taints = []v1alpha1.Taint{{Key: "dedicated", Value: "shop", Effect: corev1.TaintEffectNoSchedule}}
	g.Spec.StartupTaints = []v1alpha1.Taint{{Key: "cni", Effect: corev1.TaintEffectNoExecute}}
	return g
}

// templates stores templates by key.
func (w *workshop) templates(texts map[string]string) {
	_, err := w.client.CoreV1().ConfigMaps("default").Create(w.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "join"}, Data: texts}, metav1.CreateOptions{})
	require.NoError(w, err)
}

// tokens are the bootstrap tokens of the cluster.
func (w *workshop) tokens() []corev1.Secret {
	list, err := w.client.CoreV1().Secrets(metav1.NamespaceSystem).List(w.Context(), metav1.ListOptions{})
	require.NoError(w, err)
	return list.Items
}

func TestKubeadmUserData(t *testing.T) {
	w := newWorkshop(t, bytes.NewReader(bytes.Repeat([]byte{255, 0, 1, 35, 36, 251}, 100)))
	labels := map[string]string{
		"team": "shop", "region": "ams1", v1alpha1.NodeGroupLabel: "general",
		corev1.LabelInstanceTypeStable: "std-2c4g", corev1.LabelTopologyZone: "ams1",
		corev1.LabelHostname: "vpsie-general-x1", corev1.LabelOSStable: "linux", "beta.kubernetes.io/arch": "amd64",
		"node-restriction.kubernetes.io/pci": "yes", "pool.k8s.io/x": "y", "node.kubernetes.io/special": "z",
	}
	material, err := w.Prepare(t.Context(), machine(), group(v1alpha1.BootstrapKubeadm, ""), labels)
	require.NoError(t, err)
	assert.Empty(t, material.ScriptID)
	var document cloudConfig
	require.NoError(t, yaml.Unmarshal(material.UserData, &document))
	var configuration kubeadmapi.JoinConfiguration
	require.NoError(t, yaml.UnmarshalStrict([]byte(document.Files[0].Content), &configuration))

	tokens := w.tokens()
	require.Len(t, tokens, 1)
	token := tokens[0]
	assert.Equal(t, bootstrap.TokenSecretName(uid), token.Name)
	assert.Equal(t, corev1.SecretTypeBootstrapToken, token.Type)
	assert.Equal(t, "vpsie-general-x1", token.Labels[v1alpha1.VPSieNodeLabel])
	assert.Equal(t, uid, token.OwnerReferences[0].UID, "Kubernetes deletes it with its machine")
	data := map[string]string{}
	for key, value := range token.Data {
		data[key] = string(value)
	}
	assert.Equal(t, map[string]string{
		"token-id": bootstrap.TokenID(uid), "token-secret": data["token-secret"],
		"expiration":                     "2026-11-23T12:40:00Z",
		"usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true",
		"auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token", "description": "joins VPSieNode vpsie-general-x1",
	}, data)
	assert.Regexp(t, `^[a-z0-9]{6}$`, data["token-id"])
	assert.Equal(t, "ab9a9ab9a9ab9a9a", data["token-secret"], "255 of the source is left out: it would make some letters more likely")

	assert.Equal(t, &kubeadmapi.BootstrapTokenDiscovery{
		Token: data["token-id"] + "." + data["token-secret"], APIServerEndpoint: w.plane.Endpoint(), CACertHashes: []string{w.plane.CAHash()},
	}, configuration.Discovery.BootstrapToken)
	assert.Equal(t, "vpsie-general-x1", configuration.NodeRegistration.Name)
	assert.Equal(t, []corev1.Taint{
		{Key: v1alpha1.StartupTaint, Effect: corev1.TaintEffectNoSchedule},
		{Key: "dedicated", Value: "shop", Effect: corev1.TaintEffectNoSchedule},
		{Key: "cni", Effect: corev1.TaintEffectNoExecute},
	}, configuration.NodeRegistration.Taints)
	assert.Equal(t, []kubeadmapi.Arg{{Name: "node-labels", Value: "autoscaler.vpsie.com/nodegroup=general," +
		"node.kubernetes.io/instance-type=std-2c4g,node.kubernetes.io/special=z,region=ams1,team=shop,topology.kubernetes.io/zone=ams1"}},
		configuration.NodeRegistration.KubeletExtraArgs, "what a kubelet may not set is not among them")
}

func TestATokenIsReplacedAndReleased(t *testing.T) {
	w := newWorkshop(t, nil)
	secret := func() string {
		tokens := w.tokens()
		require.Len(t, tokens, 1, "a machine has one token at a time")
		return string(tokens[0].Data["token-secret"])
	}
	_, err := w.Prepare(t.Context(), machine(), group(v1alpha1.BootstrapKubeadm, ""), nil)
	require.NoError(t, err)
	first := secret()
	again, err := w.Prepare(t.Context(), machine(), group(v1alpha1.BootstrapKubeadm, ""), nil)
	require.NoError(t, err)
	assert.NotEqual(t, first, secret())
	assert.Contains(t, string(again.UserData), secret())
	require.NoError(t, w.Release(t.Context(), machine(), group(v1alpha1.BootstrapKubeadm, "")))
	assert.Empty(t, w.tokens())
	require.NoError(t, w.Release(t.Context(), machine(), nil), "a second time there is nothing to do")
}

func TestScripts(t *testing.T) {
	w := newWorkshop(t, nil)
	w.templates(map[string]string{"script": "#!/bin/bash\njoin --taints {{ .RegisterWithTaints }} --version {{ .KubernetesVersion }} {{ .Token }}\n"})
	w.shelf.scripts["theirs"], w.shelf.names["theirs"] = "#!/bin/sh", "vpsie-k8s-autoscaler.other.vpsie-general-x1.sh"
	g := group(v1alpha1.BootstrapScript, "script")
	_, err := w.Prepare(t.Context(), machine(), g, nil)
	require.NoError(t, err)
	material, err := w.Prepare(t.Context(), machine(), g, nil)
	require.NoError(t, err)
	assert.Empty(t, material.UserData)
	assert.Len(t, w.shelf.scripts, 2, "the former one is replaced, another cluster's stays")
	assert.Equal(t, "vpsie-k8s-autoscaler.prod.vpsie-general-x1.sh", w.shelf.names[material.ScriptID])
	assert.Contains(t, w.shelf.scripts[material.ScriptID], "autoscaler.vpsie.com/startup=:NoSchedule,dedicated=shop:NoSchedule,cni=:NoExecute --version v1.37.2 ")
	require.NoError(t, w.Release(t.Context(), machine(), g))
	assert.Len(t, w.shelf.scripts, 1)
	w.shelf.fails = errors.New("VPSie is down")
	require.ErrorContains(t, w.Release(t.Context(), machine(), nil), "listing scripts at VPSie: VPSie is down")
}

func TestManagedMachinesNeedNothing(t *testing.T) {
	w := newWorkshop(t, nil)
	material, err := w.Prepare(t.Context(), machine(), group(v1alpha1.BootstrapManaged, ""), nil)
	require.NoError(t, err)
	assert.Equal(t, bootstrap.Material{}, material)
	assert.Empty(t, w.tokens())
}

// What is wrong with a template is said with a token that opens nothing, and
// before there is one that does.
func TestWrongTemplatesOfGroups(t *testing.T) {
	w := newWorkshop(t, nil)
	w.templates(map[string]string{
		"quotes":  "#cloud-config\nruncmd: {{ .Token }}\nhostname: [{{ .Token }}]\n",
		"index":   "#cloud-config\nhostname: {{ index .Labels.absent .Token }}\n",
		"version": "#cloud-config\nhostname: {{ .KubernetesVersion }}\n",
		// Fails for tokens other than the one it is rehearsed with.
		"sly": "#cloud-config\n{{ if ne .Token \"abcdef.0123456789abcdef\" }}runcmd: {{ .Token }}{{ else }}runcmd: [a]{{ end }}\n",
	})
	for _, c := range []struct {
		mode      v1alpha1.BootstrapMode
		key, want string
	}{
		{v1alpha1.BootstrapKubeadm, "absent", `template of NodeGroup general: ConfigMap default/join has no key "absent"`},
		{v1alpha1.BootstrapKubeadm, "quotes", "template of NodeGroup general: makes no user data: runcmd"},
		{v1alpha1.BootstrapKubeadm, "index", `map has no entry for key "absent"`},
		{v1alpha1.BootstrapKubeadm, "sly", "template of NodeGroup general: it renders with one token and fails with another"},
		{v1alpha1.BootstrapScript, "version", "makes no script: a script begins with #!"},
		{v1alpha1.BootstrapScript, "", "mode script needs a template"},
	} {
		t.Run(string(c.mode)+" "+c.key, func(t *testing.T) {
			_, err := w.Prepare(t.Context(), machine(), group(c.mode, c.key), map[string]string{})
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
			assert.True(t, bootstrap.IsInvalid(err))
			for _, token := range w.tokens() {
				assert.NotContains(t, err.Error(), string(token.Data["token-secret"]))
			}
		})
	}
	other := group(v1alpha1.BootstrapKubeadm, "x")
	other.Spec.Bootstrap.Template.ConfigMap = "absent"
	_, err := w.Prepare(t.Context(), machine(), other, nil)
	require.EqualError(t, err, "template of NodeGroup general: ConfigMap default/absent does not exist")
	assert.True(t, bootstrap.IsInvalid(err))
}

// What is wrong with the cluster is no fault of the group's: it is tried again.
func TestClustersThatTellNobodyHowToJoin(t *testing.T) {
	w := newWorkshop(t, nil)
	maps := w.client.CoreV1().ConfigMaps(metav1.NamespacePublic)
	info, err := maps.Get(t.Context(), "cluster-info", metav1.GetOptions{})
	require.NoError(t, err)
	good := info.Data["kubeconfig"]
	set := func(kubeconfig string) {
		info, err := maps.Get(t.Context(), "cluster-info", metav1.GetOptions{})
		require.NoError(t, err)
		info.Data["kubeconfig"] = kubeconfig
		_, err = maps.Update(t.Context(), info, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
	defer set(good)
	for situation, c := range map[string]struct{ kubeconfig, want string }{
		"nothing":        {"", "is missing: kubeadm writes it"},
		"no kubeconfig":  {"{", "is no kubeconfig"},
		"no cluster":     {"apiVersion: v1\nkind: Config\n", "must name one cluster, names 0"},
		"no https":       {strings.Replace(good, "https://", "http://", 1), "is no https URL"},
		"no certificate": {"apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: 'https://a'}}]\n", "certificate-authority-data has no certificate"},
		"a broken certificate": {"apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: 'https://a', certificate-authority-data: " +
			"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=}}]\n", "certificate-authority-data: x509"},
	} {
		t.Run(situation, func(t *testing.T) {
			set(c.kubeconfig)
			_, err := w.Prepare(t.Context(), machine(), group(v1alpha1.BootstrapKubeadm, ""), nil)
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "ConfigMap kube-public/cluster-info: key kubeconfig")
			assert.False(t, bootstrap.IsInvalid(err))
		})
	}
}

func TestOptions(t *testing.T) {
	w := newWorkshop(t, nil)
	for want, change := range map[string]func(*bootstrap.Options){
		"Kubernetes and Options.Scripts are needed": func(o *bootstrap.Options) { o.Scripts = nil },
		"Options.Namespace is empty":                func(o *bootstrap.Options) { o.Namespace = "" },
		`cluster ID "a b": must be 1 to 63`:         func(o *bootstrap.Options) { o.ClusterID = "a b" },
		"must not be negative":                      func(o *bootstrap.Options) { o.TokenTTL = -1 },
	} {
		options := w.options
		change(&options)
		_, err := bootstrap.New(options)
		require.ErrorContains(t, err, want)
	}
	options := w.options
	options.Random = bytes.NewReader(nil)
	dry, err := bootstrap.New(options)
	require.NoError(t, err)
	_, err = dry.Prepare(t.Context(), machine(), group(v1alpha1.BootstrapKubeadm, ""), nil)
	require.ErrorContains(t, err, "drawing a bootstrap token: EOF")
}

func TestScriptOwner(t *testing.T) {
	for name, want := range map[string]string{
		"vpsie-k8s-autoscaler.prod.vpsie-general-x1.sh":    "vpsie-general-x1",
		"vpsie-k8s-autoscaler.prod.vpsie-general-x1":       "vpsie-general-x1",
		"vpsie-k8s-autoscaler.prod.eu.vpsie-general-x1.sh": "",
		"vpsie-k8s-autoscaler.other.vpsie-general-x1.sh":   "",
		"vpsie-k8s-autoscaler.prod..sh":                    "",
		"setup.sh":                                         "",
	} {
		owner, ok := bootstrap.ScriptOwner(name, "prod")
		assert.Equal(t, want, owner, name)
		assert.Equal(t, want != "", ok, name)
	}
}

func TestTokenIDs(t *testing.T) {
	seen := map[string]bool{}
	for i := range 2000 {
		id := bootstrap.TokenID(types.UID(strings.Repeat("x", i)))
		require.Regexp(t, `^[a-z0-9]{6}$`, id)
		seen[id] = true
	}
	assert.Greater(t, len(seen), 1990, "machines have tokens of their own")
}
