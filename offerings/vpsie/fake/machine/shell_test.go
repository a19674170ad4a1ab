package machine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta4"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

func newGuest(c clock.Clock) *guest {
	return &guest{
		config: &New(Config{Clock: c}).config, disk: newDisk(), hostname: "Web-1", life: context.Background(),
		machine: fake.Machine{Hostname: "Web-1", Addresses: func() (string, string) { return "198.18.0.1", "10.0.0.1" }},
		tell:    func(fake.Boot) {},
	}
}

// sh runs a script and returns what it left in /out.
func sh(t *testing.T, text string) (string, error) {
	t.Helper()
	g := newGuest(clock.RealClock{})
	err := g.execute(t.Context(), "script", script{text: text, bash: true})
	out, _ := g.disk.read("/out") // a script that failed may have left nothing
	return string(out), err
}

func TestShell(t *testing.T) {
	for situation, tc := range map[string]struct{ text, want string }{
		"redirections":             {"echo a > /out; echo b >> /out", "a\nb\n"},
		"a document in the script": {"cat > /out <<EOF\n$HOME\nEOF", "/root\n"},
		"pipes":                    {"echo a | tee /x | cat > /out; cat /x /x >> /out", "a\na\na\n"},
		"loops and arithmetic":     {"i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i > /out", "3\n"},
		"failures count":           {"cat /nowhere || echo failed > /out", "failed\n"},
		"set -e ends the script":   {"set -e\ncat /nowhere\necho more > /out", ""},
		"files":                    {"mkdir -p /a/b; touch /a/b/c; cp /etc/fstab /a/b; mv /a/b/c /a/d; rm -rf /a/b; ls=$(echo /a/*); echo $ls > /out", "/a/d\n"},
		"tests of files":           {"[ -f /etc/fstab ] && [ ! -e /x ] && chmod 600 /etc/fstab && echo yes > /out", "yes\n"},
		"a script in a script":     {"printf 'echo in >> /out\\n' > /s; sh /s; chmod 755 /s; /s; bash -c 'echo c >> /out'", "in\nin\nc\n"},
		"host name":                {"hostname > /out; hostnamectl set-hostname web-2; hostname >> /out; hostname -I >> /out", "Web-1\nweb-2\n198.18.0.1 10.0.0.1\n"},
		"is there a command":       {"if command -v kubeadm; then echo yes > /out; fi; command -v nope || echo no >> /out", "yes\nno\n"},
		"downloads and services":   {"curl -fsSL https://x -o /k; systemctl enable --now kubelet; apt-get install -y kubeadm; cat /k > /out", ""},
		"sed": {
			"containerd config default | sed 's/SystemdCgroup = false/SystemdCgroup = true/' > /out; sed -i -e 's#plugins#p&#' -e '/version/s/3/4/' /out",
			"version = 4\n[pplugins]\n  SystemdCgroup = true\n",
		},
		"sed with groups":       {`echo 'a-b a-b' | sed 's/\(a\)-\(b\)/\2.\1/g' > /out; echo 'aa$' | sed -E 's/(a+)\$/[\1]/' >> /out`, "b.a b.a\n[aa]\n"},
		"who and what":          {"uname -m > /out; env A=b sudo uname -s >> /out; install -d /z; install -m 600 /out /z/out; kubeadm version >> /out", "x86_64\nLinux\nv1.37.2\n"},
		"functions of the user": {"f() { echo $1 > /out; }; f x", "x\n"},
		"nothing of this host":  {"[ -e /etc/passwd ] || echo clean > /out; cat /etc/passwd >> /out", "clean\n"},
	} {
		got, err := sh(t, tc.text)
		assert.NoError(t, err, situation)
		assert.Equal(t, tc.want, got, situation)
	}
}

func TestShellRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"true\nkubeadmin join":              `script: line 2: unknown command "kubeadmin"`,
		"nmap localhost || true":            `unknown command "nmap"`,
		"if":                                "script: line 1",
		"kubeadm init":                      `kubeadm "init" is not known here`,
		"hostnamectl set-chassis vm":        `hostnamectl "set-chassis" is not known`,
		"sed -n p /etc/fstab":               "sed: unknown option",
		"sed d /etc/fstab":                  "sed: only s/old/new/ is known here",
		"sed 's/a/b/w x' /etc/fstab":        "sed: only s/old/new/ is known here",
		"sh -x":                             "sh: only -c CODE or a file",
		"printf '#!/bin/zsh' > /s; sh /s":   "no shell that is understood",
		"abcdef.0123456789abcdef --version": `unknown command "[token]"`,
	} {
		_, err := sh(t, text)
		assert.ErrorContains(t, err, want, text)
	}
}

func TestSleepTakesTime(t *testing.T) {
	c := clocktesting.NewFakeClock(time.Now())
	g := newGuest(c)
	done := make(chan error, 1)
	go func() { done <- g.execute(t.Context(), "script", script{text: "sleep 1m\nsleep 5\necho over > /out"}) }()
	for _, d := range []time.Duration{time.Minute, 5 * time.Second} {
		require.Eventually(t, c.HasWaiters, 5*time.Second, time.Millisecond)
		c.Step(d)
	}
	require.NoError(t, <-done)
	out, err := g.disk.read("/out")
	require.NoError(t, err)
	assert.Equal(t, "over\n", string(out))
}

func TestKubeadmArguments(t *testing.T) {
	hash := "sha256:" + "ab"
	parse := func(args ...string) (*joinRequest, error) {
		g := newGuest(clock.RealClock{})
		g.disk.put(file{path: "/j.yaml", content: []byte(`apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  bootstrapToken: {token: abcdef.0123456789abcdef, apiServerEndpoint: "a:1", unsafeSkipCAVerification: true}
  timeout: 1m
`)})
		return g.parseJoin(nil, append([]string{"join"}, args...))
	}
	r, err := parse("10.0.0.1:6443", "--token", "abcdef.0123456789abcdef", "--discovery-token-ca-cert-hash", hash, "--v=5", "--cri-socket", "x")
	require.NoError(t, err)
	assert.Equal(t, &joinRequest{
		endpoint: "10.0.0.1:6443", token: "abcdef.0123456789abcdef", tlsToken: "abcdef.0123456789abcdef",
		caHashes: []string{hash}, name: "web-1",
	}, r)
	for want, args := range map[string][]string{
		"want one endpoint":       {"--token", "abcdef.0123456789abcdef"},
		"unknown flag":            {"a:1", "--tokens", "x"},
		"discovery token is not":  {"a:1", "--token", "short", "--discovery-token-ca-cert-hash", hash},
		"is not HOST:PORT":        {"a", "--token", "abcdef.0123456789abcdef", "--discovery-token-ca-cert-hash", hash},
		"no hash of the CA's":     {"a:1", "--token", "abcdef.0123456789abcdef"},
		"cannot mix --config":     {"a:1", "--config", "/j.yaml"},
		`unknown field "timeout"`: {"--config", "/j.yaml"},
		"node name \"_\"":         {"a:1", "--token", "abcdef.0123456789abcdef", "--discovery-token-unsafe-skip-ca-verification", "--node-name", "_"},
	} {
		_, err := parse(args...)
		assert.ErrorContains(t, err, want)
	}
}

func TestJoinConfigurationsAreRefused(t *testing.T) {
	head := "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n"
	for want, text := range map[string]string{
		"not YAML":                    "a: [",
		"holds no JoinConfiguration":  "kind: InitConfiguration",
		"want kubeadm.k8s.io/v1beta4": "apiVersion: kubeadm.k8s.io/v1beta2\nkind: JoinConfiguration\n",
		"bootstrapToken is required":  head,
		"exclude one another":         head + "discovery: {bootstrapToken: {token: a}, file: {kubeConfigPath: /x}}",
		"machines here are workers":   head + "discovery: {bootstrapToken: {token: a}}\ncontrolPlane: {}",
		"dryRun joins nothing":        head + "discovery: {bootstrapToken: {token: a}}\ndryRun: true",
		`unknown field "taint"`:       head + "nodeRegistration: {taint: []}",
	} {
		_, err := parseJoinConfiguration([]byte(text))
		assert.ErrorContains(t, err, want)
	}
}

func TestKubeletArguments(t *testing.T) {
	args := func(pairs ...string) *joinRequest {
		r := &joinRequest{name: "web-1"}
		for i := 0; i < len(pairs); i += 2 {
			r.kubeletArgs = append(r.kubeletArgs, newArg(pairs[i], pairs[i+1]))
		}
		return r
	}
	s, err := parseKubeletArgs(args(
		"node-labels", "a=b,topology.kubernetes.io/zone=ams1", "register-with-taints", "x=y:NoSchedule", "provider-id", "vpsie://1",
		"node-ip", "10.0.0.9", "max-pods", "30", "cloud-provider", "external", "hostname-override", "Other", "v", "2",
	))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "b", "topology.kubernetes.io/zone": "ams1"}, s.labels)
	assert.Equal(t, "x=y:NoSchedule", s.taints[0].ToString())
	assert.Equal(t, "node.cloudprovider.kubernetes.io/uninitialized=true:NoSchedule", s.taints[1].ToString())
	assert.Equal(t, []any{"vpsie://1", "10.0.0.9", int64(30), "other"}, []any{s.providerID, s.nodeIP, s.maxPods, s.name})
	for want, r := range map[string]*joinRequest{
		"--nodelabels: unknown flag":  args("nodelabels", "a=b"),
		"is not key=value":            args("node-labels", "a"),
		"must be ones that a kubelet": args("node-labels", "node-role.kubernetes.io/worker="),
		"--node-labels: \"a b=c\"":    args("node-labels", "a b=c"),
		"is not key=value:effect":     args("register-with-taints", "a=b:Sometimes"),
		"--node-ip":                   args("node-ip", "here"),
		"--max-pods":                  args("max-pods", "many"),
	} {
		_, err := parseKubeletArgs(r)
		assert.ErrorContains(t, err, want)
	}
}

func newArg(name, value string) kubeadm.Arg { return kubeadm.Arg{Name: name, Value: value} }

func FuzzJoinConfiguration(f *testing.F) {
	f.Add("apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ndiscovery: {bootstrapToken: {token: abcdef.0123456789abcdef, apiServerEndpoint: \"a:1\", caCertHashes: [x]}}\n", "node-labels", "a=b")
	f.Add("kind: X\n---\n---\n", "register-with-taints", "a=b:NoSchedule")
	f.Fuzz(func(t *testing.T, text, flag, value string) {
		r, err := parseJoinConfiguration([]byte(text))
		if err == nil {
			r, err = r.complete("web-1")
		}
		if err != nil {
			r = &joinRequest{name: "web-1"}
		}
		r.kubeletArgs = append(r.kubeletArgs, newArg(flag, value))
		s, err := parseKubeletArgs(r)
		if (s == nil) == (err == nil) {
			t.Fatalf("both or neither of settings and an error: %v, %v", s, err)
		}
	})
}

func FuzzSed(f *testing.F) {
	f.Add("s/a/b/g", "aaa\n", true)
	f.Add(`/x/s#\(a*\)#[\1&]#`, "xaa", false)
	f.Fuzz(func(t *testing.T, text, input string, extended bool) {
		if e, ok := parseEdit(text, extended); ok && len(text) < 100 {
			apply([]edit{e}, input)
		}
	})
}
