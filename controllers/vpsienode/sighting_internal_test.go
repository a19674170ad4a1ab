package vpsienode

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/inventory"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// lists is what VPSie lists.
type lists struct {
	pending []vpsie.PendingVM
	vms     []vpsie.VM
	all     []vpsie.StorageVM
}

func (l lists) PendingVMs(context.Context) ([]vpsie.PendingVM, error) { return l.pending, nil }
func (l lists) ListVMs(context.Context) ([]vpsie.VM, error)           { return l.vms, nil }
func (l lists) ListAllVMs(context.Context) ([]vpsie.StorageVM, error) { return l.all, nil }

const (
	host = "vpsie-general-x1"
	uid  = "11111111-2222-3333-4444-555555555555"
)

func TestSight(t *testing.T) {
	mark := inventory.Mark{ClusterID: "prod", Node: host, UID: uid}.Notes("")
	former := inventory.Mark{ClusterID: "prod", Node: host, UID: "99999999-2222-3333-4444-555555555555"}.Notes("")
	old, new := time.Unix(1000, 0), time.Unix(2000, 0)
	vm := func(id, notes string, state vpsie.VMState, created time.Time) vpsie.VM {
		return vpsie.VM{ID: id, Hostname: host, Notes: notes, State: state, Created: created}
	}
	both := func(vms ...vpsie.VM) lists {
		l := lists{vms: vms}
		for _, vm := range vms {
			l.all = append(l.all, vpsie.StorageVM{ID: vm.ID, Hostname: vm.Hostname})
		}
		return l
	}
	for _, c := range []struct {
		situation string
		known     string
		lists     lists
		keep      string
		extra     []string
		unclear   string
		stranger  bool
	}{
		{situation: "nothing anywhere"},
		{situation: "other machines", lists: both(vpsie.VM{ID: "9", Hostname: "web", Notes: mark, State: vpsie.StateRunning})},
		{situation: "ours", lists: both(vm("1", mark, vpsie.StateRunning, old)), keep: "1"},
		{situation: "ours, powered off", lists: both(vm("1", mark, vpsie.StateOff, old)), keep: "1"},
		{situation: "ours, deleted and still listed", lists: both(vm("1", mark, vpsie.StateDeleted, old))},
		{situation: "without a mark", lists: both(vm("1", "", vpsie.StateRunning, old)), stranger: true},
		{situation: "of a former object of the name", lists: both(vm("1", former, vpsie.StateRunning, old)), stranger: true},
		{situation: "of a former object, adopted", known: "1", lists: both(vm("1", former, vpsie.StateRunning, old)), keep: "1"},
		{situation: "renamed by somebody", known: "1", lists: both(vpsie.VM{ID: "1", Hostname: "renamed", Notes: mark, State: vpsie.StateRunning}), keep: "1"},
		{situation: "the identifier known is somebody else's now", known: "1", lists: both(vpsie.VM{ID: "1", Hostname: "web", Notes: "", State: vpsie.StateRunning}), stranger: true},
		{situation: "ours and a stranger", lists: both(vm("1", "", vpsie.StateRunning, old), vm("2", mark, vpsie.StateRunning, new)), keep: "2", stranger: true},
		{situation: "twice: the oldest stays", lists: both(vm("1", mark, vpsie.StateRunning, new), vm("2", mark, vpsie.StateRunning, old)), keep: "2", extra: []string{"1"}},
		{situation: "twice: the one that runs stays", lists: both(vm("1", mark, vpsie.StateOff, old), vm("2", mark, vpsie.StateRunning, new)), keep: "2", extra: []string{"1"}},
		{situation: "twice: the one known stays", known: "1", lists: both(vm("1", mark, vpsie.StateOff, new), vm("2", mark, vpsie.StateRunning, old)), keep: "1", extra: []string{"2"}},
		{situation: "twice: an unknown age is no great one", lists: both(vm("1", mark, vpsie.StateRunning, time.Time{}), vm("2", mark, vpsie.StateRunning, new)), keep: "2", extra: []string{"1"}},
		{situation: "twice: equal in all", lists: both(vm("b", mark, vpsie.StateRunning, old), vm("a", mark, vpsie.StateRunning, old)), keep: "a", extra: []string{"b"}},
		{situation: "queued", lists: lists{pending: []vpsie.PendingVM{{Hostname: host, ProcessID: uid}}}, unclear: "the order is in VPSie's queue"},
		{situation: "queued without a process ID", lists: lists{pending: []vpsie.PendingVM{{Hostname: host}}}, unclear: "the order is in VPSie's queue"},
		{situation: "queued by somebody else", lists: lists{pending: []vpsie.PendingVM{{Hostname: host, ProcessID: "99999999-2222-3333-4444-555555555555"}}}},
		{situation: "in the second source alone", lists: lists{all: []vpsie.StorageVM{{ID: "1", Hostname: host}}}, unclear: "machine 1 is in one of VPSie's lists and not in the other"},
		{situation: "known and in the second source alone", known: "1", lists: lists{all: []vpsie.StorageVM{{ID: "1", Hostname: "renamed"}}}, unclear: "machine 1 is in one of VPSie's lists and not in the other"},
	} {
		t.Run(c.situation, func(t *testing.T) {
			reading, err := inventory.New(c.lists, clocktesting.NewFakePassiveClock(old)).Since(t.Context(), time.Time{})
			require.NoError(t, err)
			m := &v1alpha1.VPSieNode{ObjectMeta: metav1.ObjectMeta{Name: host, UID: uid}, Spec: v1alpha1.VPSieNodeSpec{Hostname: host}}
			m.Status.VPSID = c.known
			seen := sight(reading, m, "prod")
			var ids []string
			for _, own := range seen.own() {
				ids = append(ids, own.id)
			}
			var want []string
			if c.keep != "" {
				want = append([]string{c.keep}, c.extra...)
			}
			assert.Equal(t, want, ids, "the first is kept")
			assert.Equal(t, c.unclear, seen.unclear)
			assert.Equal(t, c.stranger, seen.stranger != "")
			assert.Equal(t, c.keep == "" && c.unclear == "", seen.absent())
			assert.Equal(t, old, seen.at)
		})
	}
}

func TestAbsences(t *testing.T) {
	a := newAbsences()
	at := time.Unix(1000, 0)
	assert.Zero(t, a.note("x", at), "once is no time")
	assert.Equal(t, time.Minute, a.note("x", at.Add(time.Minute)))
	assert.Zero(t, a.note("y", at.Add(time.Minute)), "each machine has its own")
	a.clear("x")
	assert.Zero(t, a.note("x", at.Add(2*time.Minute)), "seen in between: it begins anew")
}

func TestBriefMessages(t *testing.T) {
	long := make([]byte, 3000)
	for i := range long {
		long[i] = "é"[i%2]
	}
	cut := brief(string(long))
	assert.LessOrEqual(t, len(cut), messageLimit)
	assert.Equal(t, "...", cut[len(cut)-3:])
	assert.Equal(t, cut, string([]rune(cut)), "no character is cut in half")
	assert.Equal(t, "short", brief("short"))
}
