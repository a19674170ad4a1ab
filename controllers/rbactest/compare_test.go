package rbactest

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/deploy/rbac"
)

const manifests = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: here}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: everywhere}
rules:
- {apiGroups: [""], resources: [pods, pods/status], verbs: [list, patch]}
- {apiGroups: [apps], resources: [daemonsets], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: everywhere}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: everywhere}
subjects: [{kind: ServiceAccount, name: robot, namespace: here}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: own, namespace: here}
rules:
- {apiGroups: [""], resources: [secrets], resourceNames: [token], verbs: [get]}
- {apiGroups: [""], resources: [configmaps], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: own, namespace: here}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: own}
subjects: [{kind: ServiceAccount, name: robot, namespace: here}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: others, namespace: here}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: everywhere}
subjects: [{kind: ServiceAccount, name: somebody, namespace: here}]
`

// asked is one line of an audit log: decision verb group/resource[/sub] [namespace/]name.
func asked(user, decision, verb, resource, object string) string {
	group, kind, _ := strings.Cut(resource, ":")
	kind, sub, _ := strings.Cut(kind, "/")
	namespace, name, _ := strings.Cut(object, "/")
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","stage":"ResponseComplete","verb":%q,"user":{"username":%q},`+
		`"objectRef":{"resource":%q,"subresource":%q,"apiGroup":%q,"namespace":%q,"name":%q},"annotations":{"authorization.k8s.io/decision":%q}}`+"\n",
		verb, user, kind, sub, group, namespace, name, decision)
}

const robot = "system:serviceaccount:here:robot"

func TestWhatWasNeverUsedAndWhatWasDenied(t *testing.T) {
	log := asked(robot, "allow", "list", ":pods", "/") +
		asked(robot, "allow", "patch", ":pods/status", "shop/web") +
		asked(robot, "allow", "get", ":secrets", "here/other") + // some other role let it in
		asked(robot, "allow", "get", ":configmaps", "there/x") +
		asked("system:serviceaccount:here:somebody", "allow", "get", "apps:daemonsets", "shop/agent") +
		asked(robot, "forbid", "delete", "apps:deployments", "shop/web") +
		asked(robot, "forbid", "delete", "apps:deployments", "shop/web") +
		asked(robot, "forbid", "patch", ":pods", "shop/web") + // when the API server had not read its roles yet
		`{"kind":"Event","stage":"ResponseComplete","verb":"get","user":{"username":"` + robot + `"},"requestURI":"/version"}` + "\n\n"
	report, err := Compare([]byte(manifests), strings.NewReader(log), "here", "robot")
	require.NoError(t, err)
	assert.Equal(t, 7, report.Requests)
	var unused, denied []string
	for _, p := range report.Unused {
		unused = append(unused, p.String())
	}
	for _, r := range report.Denied {
		denied = append(denied, r.String())
	}
	assert.Equal(t, []string{
		"get configmaps (Role here/own)",
		"get daemonsets.apps (ClusterRole everywhere)",
		"get secrets token (Role here/own)",
		"list pods/status (ClusterRole everywhere)",
		"patch pods (ClusterRole everywhere)",
	}, unused)
	assert.Equal(t, []string{"delete deployments.apps shop/web"}, denied)

	log += strings.TrimSpace(asked(robot, "allow", "get", ":secrets", "here/token"))
	report, err = Compare([]byte(manifests), strings.NewReader(log), "here", "robot")
	require.NoError(t, err)
	assert.Len(t, report.Unused, 4, "the last line needs no end")
}

func TestLogsAndManifestsThatCannotBeRead(t *testing.T) {
	_, err := Compare([]byte(manifests), strings.NewReader("{}\n{"), "here", "robot")
	require.ErrorContains(t, err, "audit log, line 2")
	_, err = Compare([]byte(manifests), io.MultiReader(strings.NewReader("{}\n"), failing{}), "here", "robot")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	for text, want := range map[string]string{
		"a: [": "read manifests",
		strings.Replace(manifests, "verbs: [get]", "verbz: [get]", 1):                                                                              "unknown field",
		strings.Replace(manifests, "kind: Role, name: own", "kind: Role, name: x", 1):                                                              "binding own is to Role x, which is not in the manifests",
		strings.Replace(manifests, "{apiGroups: [apps], resources: [daemonsets], verbs: [get]}", "{nonResourceURLs: [/metrics], verbs: [get]}", 1): "rules on URLs are not compared",
	} {
		_, err := Compare([]byte(text), strings.NewReader(""), "here", "robot")
		require.ErrorContains(t, err, want)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The shipped manifest, read without an API server.
func TestTheShippedRolesAreNarrow(t *testing.T) {
	permissions, err := Permissions(rbac.Manifests, rbac.Namespace, rbac.ServiceAccount)
	require.NoError(t, err)
	require.NotEmpty(t, permissions)
	more, err := Permissions(rbac.CapacityBuffers, rbac.Namespace, rbac.ServiceAccount)
	require.NoError(t, err)
	require.Len(t, more, 5)
	permissions = append(permissions, more...)
	seen := map[string]bool{}
	for _, p := range permissions {
		for _, word := range []string{p.Group, p.Resource, p.Verb} {
			assert.NotContainsf(t, word, "*", "%s", p)
		}
		assert.Falsef(t, seen[p.String()], "%s is granted twice", p)
		seen[p.String()] = true
		if p.Resource != "secrets" {
			continue
		}
		assert.NotEmptyf(t, p.Namespace, "%s: Secrets of one namespace alone", p)
		if p.Verb != "create" && p.Verb != "delete" {
			assert.NotEmptyf(t, p.Names, "%s: Secrets are read by name", p)
		}
	}
	none, err := Permissions(rbac.Manifests, rbac.Namespace, "default")
	require.NoError(t, err)
	assert.Empty(t, none)
}
