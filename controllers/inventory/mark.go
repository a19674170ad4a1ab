package inventory

import (
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// marker is the first word of the notes of every machine of an autoscaler.
const marker = "vpsie-k8s-autoscaler"

// Mark says in a machine's notes whose it is. The notes are the only text that
// VPSie's lists carry back, so the mark and the hostname together are the only
// proof that a machine is ours.
type Mark struct {
	// ClusterID is the autoscaler's name for its cluster.
	ClusterID string
	// Node is the name of the VPSieNode, UID its identity.
	Node string
	UID  types.UID
}

// Notes are the notes of a machine with the mark and what a user wants there.
func (m Mark) Notes(user string) string {
	notes := marker + " cluster=" + m.ClusterID + " node=" + m.Node + " uid=" + string(m.UID)
	if user != "" {
		notes += "\n" + user
	}
	return notes
}

// ReadMark reads the mark from a machine's notes. Without the whole of it at
// their beginning, ok is false and the machine is somebody else's.
func ReadMark(notes string) (mark Mark, ok bool) {
	words := strings.Fields(notes)
	if len(words) < 4 || words[0] != marker {
		return Mark{}, false
	}
	values := [3]string{}
	for i, key := range []string{"cluster=", "node=", "uid="} {
		value, found := strings.CutPrefix(words[i+1], key)
		if !found || value == "" {
			return Mark{}, false
		}
		values[i] = value
	}
	return Mark{ClusterID: values[0], Node: values[1], UID: types.UID(values[2])}, true
}
