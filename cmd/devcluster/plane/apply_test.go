package plane_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
)

const widgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.test.example}
spec:
  group: test.example
  scope: Namespaced
  names: {plural: widgets, kind: Widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
# Nothing.
---
{"apiVersion": "test.example/v1", "kind": "Widget", "metadata": {"name": "one"}, "size": 1}
`

func TestApply(t *testing.T) {
	cluster := planetest.Get(t)
	client, err := dynamic.NewForConfig(cluster.Config())
	require.NoError(t, err)

	require.NoError(t, cluster.Apply(t.Context(), []byte(widgets)), "a definition and an object of it")
	require.NoError(t, cluster.Apply(t.Context(), []byte(widgets)), "the same again")
	require.NoError(t, cluster.Apply(t.Context(), []byte("{apiVersion: test.example/v1, kind: Widget, metadata: {name: one}, size: 2}")))
	found, err := client.Resource(schema.GroupVersionResource{Group: "test.example", Version: "v1", Resource: "widgets"}).
		Namespace(metav1.NamespaceDefault).Get(t.Context(), "one", metav1.GetOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 2, found.Object["size"])

	assert.ErrorContains(t, cluster.Apply(t.Context(), []byte("a: [")), "reading a manifest")
	assert.ErrorContains(t, cluster.Apply(t.Context(), []byte("{apiVersion: v1, kind: Gadget, metadata: {name: one}}")),
		`applying Gadget one: no matches for kind "Gadget"`)
	assert.ErrorContains(t, cluster.Apply(t.Context(), []byte("{apiVersion: autoscaler.vpsie.com/v1alpha1, kind: NodeGroup, metadata: {name: bad}, spec: {minNodes: 3, maxNodes: 2}}")),
		"applying NodeGroup bad", "the product's own kinds are there, with their rules")
}
