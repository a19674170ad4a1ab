package binpack

import (
	"crypto/sha256"
	"fmt"
)

// Sums remembers what objects hash to from one request to the next, so that only
// new objects have to be hashed: in a cluster of some size hashing is most of a
// decision's cost. An object must not change once it was in a request. The zero
// value is ready for use; one Sums serves one request at a time.
type Sums struct {
	// before are the sums of the request before, now those of this one.
	before, now map[any]sum
}

type sum = [sha256.Size]byte

type marshaler interface{ Marshal() ([]byte, error) }

// of hashes an API object by its protocol buffer, which is much cheaper than JSON
// and writes maps in the order of their keys.
func (s *Sums) of(object marshaler) (sum, error) {
	known, ok := s.before[object]
	if !ok {
		data, err := object.Marshal()
		if err != nil {
			return sum{}, fmt.Errorf("hashing the snapshot: %w", err)
		}
		known = sha256.Sum256(data)
	}
	if s.now == nil {
		s.now = make(map[any]sum, len(s.before))
	}
	s.now[object] = known
	return known, nil
}

// forget drops the objects that the request just hashed did not hold.
func (s *Sums) forget() { s.before, s.now = s.now, nil }
