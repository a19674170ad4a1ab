package snapshot

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// small is a snapshot of two nodes, a pod and a NodeGroup.
func small() *Snapshot {
	node := func(name string) *v1.Node {
		return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid-of-node"}, Status: v1.NodeStatus{
			Allocatable: v1.ResourceList{v1.ResourceCPU: resource.MustParse("4")},
		}}
	}
	return New(&simulator.Objects{
		Nodes: []*v1.Node{node("n2"), node("n1")},
		Pods: []*v1.Pod{{
			ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "shop", UID: "uid-of-pod"},
			Spec: v1.PodSpec{NodeName: "n1", Containers: []v1.Container{{Name: "c", Resources: v1.ResourceRequirements{
				Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("250m")},
			}}}},
			Status: v1.PodStatus{Phase: v1.PodRunning},
		}},
	}, []*v1alpha1.NodeGroup{{ObjectMeta: metav1.ObjectMeta{Name: "general"}, Spec: v1alpha1.NodeGroupSpec{MaxNodes: 9}}})
}

func written(t testing.TB, s *Snapshot) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, s.Write(&out))
	return out.Bytes()
}

func unzipped(t testing.TB, document []byte) string {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(document))
	require.NoError(t, err)
	text, err := io.ReadAll(zipped)
	require.NoError(t, err)
	return string(text)
}

func TestDocumentHasTheDocumentedForm(t *testing.T) {
	lines := strings.Split(unzipped(t, written(t, small())), "\n")
	require.Len(t, lines, 9)
	assert.Equal(t, `{"apiVersion":"autoscaler.vpsie.com/v1alpha1","kind":"ClusterSnapshot",`, lines[0])
	assert.Equal(t, `"metadata":{},`, lines[1])
	assert.Equal(t, `"nodeGroups":[`, lines[2])
	assert.Contains(t, lines[3], `"kind":"NodeGroup"`)
	assert.Equal(t, `"objects":[`, lines[4])
	assert.Contains(t, lines[5], `"n1"`)
	assert.Contains(t, lines[6], `"n2"`, "one object a line, sorted by name within a kind")
	assert.Contains(t, lines[7], `{"kind":"Pod","apiVersion":"v1",`)
	assert.True(t, strings.HasSuffix(lines[7], `}]}`))
}

func TestSameClusterSameBytes(t *testing.T) {
	s := small()
	again := New(&s.Objects, s.NodeGroups)
	slices.Reverse(again.Objects.Nodes)
	again = New(&again.Objects, again.NodeGroups)
	assert.Equal(t, written(t, s), written(t, again))
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	created := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	want := small()
	want.Metadata = Metadata{CreationTimestamp: &created, LeftOut: []string{"csinodes"}}
	for situation, document := range map[string][]byte{
		"in gzip": written(t, want), "as text": []byte(unzipped(t, written(t, want))),
	} {
		assert.True(t, Recognise(document), situation)
		got, err := Read("cluster", bytes.NewReader(document))
		require.NoError(t, err, situation)
		assert.True(t, got.Metadata.CreationTimestamp.Equal(&created), situation)
		assert.Equal(t, []string{"csinodes"}, got.Metadata.LeftOut, situation)
		assert.True(t, equality.Semantic.DeepEqual(want.Objects, got.Objects), situation)
		require.Len(t, got.NodeGroups, 1, situation)
		assert.Equal(t, int32(9), got.NodeGroups[0].Spec.MaxNodes, situation)
	}
}

// What is read is captured again as it was, whatever defaults the reader fills in.
func TestSnapshotOfASnapshotIsTheSame(t *testing.T) {
	document := written(t, small())
	read, err := Read("cluster", bytes.NewReader(document))
	require.NoError(t, err)
	again := New(&read.Objects, nil)
	assert.Equal(t, unzipped(t, written(t, New(&small().Objects, nil))), unzipped(t, written(t, again)))
}

func TestAnonymisedNodeGroupsAreValid(t *testing.T) {
	s := New(&simulator.Objects{}, []*v1alpha1.NodeGroup{{
		ObjectMeta: metav1.ObjectMeta{Name: strings.Repeat("n", 50)},
		Spec: v1alpha1.NodeGroupSpec{
			MaxNodes: 1, Labels: map[string]v1alpha1.LabelValue{"acme.example/team": "shop"},
			Taints:       []v1alpha1.Taint{{Key: "acme.example/team", Value: "shop", Effect: v1.TaintEffectNoSchedule}},
			Requirements: []v1alpha1.Requirement{{Key: "acme.example/rank", Operator: v1.NodeSelectorOpLt, Values: []string{"5"}}},
		},
	}})
	require.NoError(t, s.Anonymize(testKey, nil))
	read, err := Read("anonymised", bytes.NewReader(written(t, s)))
	require.NoError(t, err)
	assert.True(t, read.Metadata.Anonymized)
	assert.Equal(t, s.NodeGroups[0].Name, read.NodeGroups[0].Name)
	assert.Equal(t, s.NodeGroups[0].Spec.Labels, read.NodeGroups[0].Spec.Labels)
	assert.Equal(t, []string{"5"}, read.NodeGroups[0].Spec.Requirements[0].Values)
}

func TestBadSnapshots(t *testing.T) {
	document := written(t, small())
	good := unzipped(t, document)
	replace := func(old, replacement string) []byte {
		require.Equal(t, 1, strings.Count(good, old), old)
		return []byte(strings.Replace(good, old, replacement, 1))
	}
	flipped := slices.Clone(document)
	flipped[len(flipped)/2] ^= 0x10
	tests := []struct {
		situation string
		document  []byte
		want      string
	}{
		{"empty", nil, "snap: empty file"},
		{"half of the gzip", document[:len(document)/2], "snap: gzip: unexpected EOF"},
		{"a gzip without its end", document[:len(document)-4], "snap: gzip: unexpected EOF"},
		{"a byte of the gzip is wrong", flipped, "snap: gzip: "},
		{"half of the text", []byte(good[:len(good)/2]), "snap:6:361: truncated JSON: it ends where a closing quote should follow"},
		{"cut in the head", []byte(good[:30]), "snap:1: not a whole ClusterSnapshot: the file ends too early"},
		{"cut behind the head", []byte(good[:76]), "snap:2: not a whole ClusterSnapshot: the file ends too early"},
		{"cut in the NodeGroups", []byte(good[:120]), "snap:3: not a whole ClusterSnapshot: the file ends too early"},
		{"cut before the objects", []byte(good[:strings.Index(good, `"objects"`)]), "snap:4: not a whole ClusterSnapshot: the file ends too early"},
		{"an array", []byte("[]"), "snap:1: not a whole ClusterSnapshot: found [ instead of an object"},
		{"YAML", []byte("kind: ClusterSnapshot\n"), "snap:1: not a whole ClusterSnapshot: invalid character 'k'"},
		{"another kind", replace(`"kind":"ClusterSnapshot"`, `"kind":"Plan"`), "snap: a Plan of autoscaler.vpsie.com/v1alpha1, not a ClusterSnapshot"},
		{
			"a version to come", replace(`{"apiVersion":"autoscaler.vpsie.com/v1alpha1","kind":"ClusterS`, `{"apiVersion":"autoscaler.vpsie.com/v1beta1","kind":"ClusterS`),
			"snap: a ClusterSnapshot of autoscaler.vpsie.com/v1beta1, but this version of whatif reads autoscaler.vpsie.com/v1alpha1: take the version that captured it",
		},
		{"the kind is a number", replace(`"kind":"ClusterSnapshot"`, `"kind":5`), "snap:1: not a whole ClusterSnapshot: json: cannot unmarshal number"},
		{"fields in another order", replace(`"metadata":{},`, `"objects":{},`), `snap:2: not a whole ClusterSnapshot: found objects instead of the field "metadata"`},
		{"unknown metadata", replace(`"metadata":{}`, `"metadata":{"clusterName":"prod"}`), `snap:2: metadata: unknown field "clusterName"`},
		{"metadata of another type", replace(`"metadata":{}`, `"metadata":[]`), "snap:2: metadata: json: cannot unmarshal array"},
		{"NodeGroups of another type", replace(`"nodeGroups":[`, `"nodeGroups":[7,`), "snap:3: this is a number where a NodeGroup is expected"},
		{"a NodeGroup that the API server refuses", replace(`"maxNodes":9`, `"maxNodes":0`), "snap:4: spec.maxNodes: Invalid value: 0"},
		{"an unknown field in a NodeGroup", replace(`"maxNodes":9`, `"maxNodes":9,"max":9`), "snap:4: spec.max: unknown field"},
		{"an unknown field in a pod", replace(`"nodeName"`, `"nodeNames"`), "snap:8:171: Pod shop/p: spec.nodeNames: unknown field"},
		{"objects of another type", replace(`"objects":[`, `"objects":7,"x":[`), "snap:5:11: invalid JSON: '7' where an array of objects should follow"},
		{"a kind that planning does not read", replace(`"kind":"Pod"`, `"kind":"Secret"`), "snap: holds 1 × v1 Secret, a kind that is not read here"},
		{"the same name twice", replace(`"name":"n2"`, `"name":"n1"`), "snap:7: Node n1: there already (snap:6)"},
		{"a negative request", replace(`"250m"`, `"-250m"`), "snap:8:154: Pod shop/p: spec.containers[0].resources.requests.cpu: -250m: must not be negative"},
		{"more behind the end", append([]byte(good), "{}"...), `snap:8: not a whole ClusterSnapshot: "}\n{}" behind the objects`},
		{"binary", []byte("\x00\x01\x02"), "snap: binary data"},
	}
	for _, tc := range tests {
		t.Run(tc.situation, func(t *testing.T) {
			_, err := Read("snap", bytes.NewReader(tc.document))
			require.ErrorContains(t, err, tc.want)
			assert.True(t, strings.HasPrefix(err.Error(), "snap:"), err.Error())
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestNodeGroupsThatAreNoList(t *testing.T) {
	for _, spelling := range []string{"7", `"x"`, "{}"} {
		_, err := readNodeGroups("snap", []byte(spelling), 3)
		assert.EqualError(t, err, "snap:3: nodeGroups: must be a list")
	}
	for _, spelling := range []string{"[]", "[ ]", "null"} {
		groups, err := readNodeGroups("snap", []byte(spelling), 3)
		assert.NoError(t, err)
		assert.Empty(t, groups)
	}
}

func TestOtherFilesAreNotRecognised(t *testing.T) {
	pad := func(text string) []byte {
		return append([]byte(text), bytes.Repeat([]byte(" "), HeadBytes)...)[:HeadBytes]
	}
	zip := func(text string) []byte {
		var out bytes.Buffer
		zipped := gzip.NewWriter(&out)
		_, err := zipped.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, zipped.Close())
		return out.Bytes()
	}
	for _, other := range [][]byte{
		nil, {0x1f, 0x8b}, []byte("kind: ClusterSnapshot"), []byte("{}"), []byte(`{"kind":"ClusterSnapshot","apiVersion":"autoscaler.vpsie.com/v1alpha1"}`),
		[]byte(`{"apiVersion":"backup.example/v1","kind":"ClusterSnapshot"}`), []byte(`{"apiVersion":"v1","kind":"List"}`), []byte(`["apiVersion"]`),
		[]byte(`{"apiVersion":7,"kind":"ClusterSnapshot"}`), zip(`{"apiVersion":"v1","kind":"List","items":[]}`),
	} {
		assert.False(t, Recognise(other), "%.40q", other)
	}
	assert.True(t, Recognise(pad(`{ "apiVersion" : "autoscaler.vpsie.com/v9", "kind": "ClusterSnapshot" `)), "of a version to come, too: its reader says what is wrong")
	big := small()
	for i := range 500 {
		big.Objects.Pods = append(big.Objects.Pods, &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("pod-", i, i*i*7919)}})
	}
	document := written(t, big)
	require.Greater(t, len(document), HeadBytes)
	assert.True(t, Recognise(document[:HeadBytes]), "by its beginning")
}

// full is a disk without room.
type full struct{ room int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestFullDiskIsAnError(t *testing.T) {
	s := small()
	for i := range 300 {
		s.Objects.Pods = append(s.Objects.Pods, &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("pod-", i, i*i*7919)}})
	}
	size := len(written(t, s))
	for _, room := range []int{0, size / 2, size - 1} {
		assert.ErrorIs(t, s.Write(&full{room}), errFull, "%d of %d bytes", room, size)
	}
	assert.NoError(t, s.Write(&full{size}))
}

func FuzzRead(f *testing.F) {
	document := written(f, small())
	good := unzipped(f, document)
	f.Add(document)
	f.Add(document[:len(document)/2])
	f.Add([]byte(good))
	f.Add([]byte(good[:len(good)/2]))
	f.Add([]byte(strings.ReplaceAll(good, `"250m"`, `"1e30"`)))
	f.Add([]byte(strings.ReplaceAll(good, `"kind":"Pod"`, `"kind":"List","items":[]`)))
	f.Add([]byte(strings.ReplaceAll(good, `[`, `{`)))
	f.Add([]byte(`{"apiVersion":"autoscaler.vpsie.com/v1alpha1","kind":"ClusterSnapshot","metadata":{},"nodeGroups":null,"objects":[]}`))
	f.Add([]byte(`{"apiVersion":"autoscaler.vpsie.com/v1alpha1","kind":"ClusterSnapshot","metadata":null,"nodeGroups":[],"objects":[null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = Recognise(data[:min(len(data), HeadBytes)])
		s, err := Read("snap", bytes.NewReader(data))
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				assert.True(t, strings.HasPrefix(line, "snap:"), line)
			}
			return
		}
		// Whatever is read can be captured, anonymised, written and read again.
		again := New(&s.Objects, s.NodeGroups)
		plain := written(t, again)
		reread, err := Read("snap", bytes.NewReader(plain))
		require.NoError(t, err)
		assert.Equal(t, plain, written(t, New(&reread.Objects, reread.NodeGroups)))
		require.NoError(t, again.Anonymize(testKey, nil))
		_, err = Read("anonymised", bytes.NewReader(written(t, again)))
		require.NoError(t, err)
	})
}
