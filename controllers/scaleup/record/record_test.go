package record

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestMain(m *testing.M) { planetest.Main(m) }

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func sample(id string) *Record {
	return &Record{
		DecidedAt: noon, Result: "bought", Summary: "1 × std-4 in fra", HeldBack: []string{"m-2"}, Notes: []string{"no podgroups"},
		Plan: &plan.Plan{
			APIVersion: plan.APIVersion, Kind: plan.Kind, Metadata: plan.Metadata{ID: id},
			Add:           []plan.Machine{{Name: "m-1", Pods: []string{"shop/a"}, PricePerHour: 0.2}},
			Existing:      []plan.ExistingNode{{Name: "n-1", Pods: []string{"shop/b"}}},
			Unschedulable: []plan.Unschedulable{{Pod: "shop/c", Summary: "0/1 nodes are available"}},
		},
	}
}

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	document, err := Encode(sample("plan-1"), "kube-system")
	require.NoError(t, err)
	assert.Equal(t, "vpsie-autoscaler-plan-1", document.Name)
	assert.Equal(t, map[string]string{"autoscaler.vpsie.com/plan": "plan-1"}, document.Labels)
	assert.Equal(t, map[string]string{
		DecidedAtAnnotation: "2026-07-01T12:00:00.000000Z", ResultAnnotation: "bought", SummaryAnnotation: "1 × std-4 in fra",
	}, document.Annotations)
	back, err := Decode(document)
	require.NoError(t, err)
	assert.Equal(t, sample("plan-1"), back)
}

func TestRecordThatIsTooBigDropsPods(t *testing.T) {
	big := sample("plan-1")
	random := rand.New(rand.NewSource(1))
	for range 60_000 {
		big.Plan.Add[0].Pods = append(big.Plan.Add[0].Pods, fmt.Sprintf("shop/%x%x", random.Uint64(), random.Uint64()))
	}
	document, err := Encode(big, "kube-system")
	require.NoError(t, err)
	assert.Less(t, len(document.BinaryData[DataKey]), maxBytes)
	back, err := Decode(document)
	require.NoError(t, err)
	assert.True(t, back.PodsDropped)
	assert.Equal(t, []plan.Machine{{Name: "m-1", Pods: []string{}, PricePerHour: 0.2}}, back.Plan.Add)
	assert.Empty(t, back.Plan.Existing)
	assert.Len(t, big.Plan.Add[0].Pods, 60_001, "the plan itself is left as it is")

	for range 60_000 {
		big.Notes = append(big.Notes, fmt.Sprintf("%x%x", random.Uint64(), random.Uint64()))
	}
	_, err = Encode(big, "kube-system")
	assert.ErrorContains(t, err, "record of plan-1: ")
}

func TestWhatIsNoRecord(t *testing.T) {
	pack := func(r *Record) []byte {
		data, err := compress(r)
		require.NoError(t, err)
		return data
	}
	for name, test := range map[string]struct {
		data map[string][]byte
		want string
	}{
		"no data":             {nil, "not a plan's record: no record.json.gz"},
		"not compressed":      {map[string][]byte{DataKey: []byte("{}")}, "unexpected EOF"},
		"cut off":             {map[string][]byte{DataKey: pack(sample("plan-1"))[:40]}, "unexpected EOF"},
		"without a plan":      {map[string][]byte{DataKey: pack(&Record{})}, "not a plan's record"},
		"an odd plan":         {map[string][]byte{DataKey: pack(sample("nonsense"))}, "not a plan's record"},
		"expands without end": {map[string][]byte{DataKey: pack(&Record{Summary: strings.Repeat("a", maxPlain)})}, "expands to more than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(&v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "cm"}, BinaryData: test.data})
			require.ErrorContains(t, err, "ConfigMap ns/cm: ")
			assert.ErrorContains(t, err, test.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func FuzzExpand(f *testing.F) {
	data, err := compress(sample("plan-1"))
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := expand(data); err == nil {
			require.NotNil(t, r.Plan)
		}
	})
}

func TestStoreKeepsTheNewest(t *testing.T) {
	cluster := planetest.Get(t)
	planetest.Reset(t, cluster)
	c, err := client.New(cluster.Config(), client.Options{})
	require.NoError(t, err)
	store := &Store{Client: c, Live: c, Namespace: "kube-system"}
	ctx := t.Context()

	_, err = Read(ctx, c, "kube-system", "")
	require.ErrorIs(t, err, ErrNoRecord)
	alien := &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "alien", Labels: map[string]string{"autoscaler.vpsie.com/plan": "x"}}}
	require.NoError(t, c.Create(ctx, alien))

	for i := range Keep + 3 {
		r := sample(fmt.Sprintf("plan-%02d", i))
		r.DecidedAt = noon.Add(time.Duration(i) * time.Second)
		require.NoError(t, store.Write(ctx, r))
	}
	list, err := store.list(ctx)
	require.NoError(t, err)
	require.Len(t, list, Keep)
	assert.Equal(t, "vpsie-autoscaler-plan-12", list[0].Name)
	assert.Equal(t, "vpsie-autoscaler-plan-03", list[Keep-1].Name)
	require.NoError(t, c.Get(ctx, client.ObjectKeyFromObject(alien), alien), "what others made stays")

	again := sample("plan-05")
	again.DecidedAt, again.Result = noon.Add(time.Hour), "stale"
	require.NoError(t, store.Write(ctx, again), "the same plan once more")
	newest, err := Read(ctx, c, "kube-system", "")
	require.NoError(t, err)
	assert.Equal(t, again, newest)
	one, err := Read(ctx, c, "kube-system", "plan-07")
	require.NoError(t, err)
	assert.Equal(t, "plan-07", one.Plan.Metadata.ID)
	_, err = Read(ctx, c, "kube-system", "plan-00")
	require.ErrorIs(t, err, ErrNoRecord)
	assert.ErrorContains(t, err, "plan plan-00 in namespace kube-system")

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = Read(cancelled, c, "kube-system", "")
	assert.True(t, errors.Is(err, context.Canceled))
	assert.Error(t, store.Write(cancelled, sample("plan-99")))
}
