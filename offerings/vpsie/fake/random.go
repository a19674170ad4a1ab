package fake

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"
)

// draw returns the random numbers that belong to these names. They depend on
// the seed and the names alone, so that requests which race draw the same.
func (s *Server) draw(names ...string) *rand.Rand {
	sum := fnv.New128a()
	_, _ = sum.Write(binary.BigEndian.AppendUint64(nil, s.config.Seed)) // a hash never fails
	_, _ = sum.Write([]byte(strings.Join(names, "\x00")))
	b := sum.Sum(nil)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])))
}

// odd says whether the thing with these names takes an optional quirk; one in four does.
func (s *Server) odd(names ...string) bool {
	return !s.config.Plain && s.draw(names...).IntN(4) == 0
}

func (s *Server) delay(d Delay, names ...string) time.Duration {
	if d.Jitter <= 0 {
		return d.Base
	}
	return d.Base + time.Duration(s.draw(names...).Int64N(int64(d.Jitter)))
}

// recase is a host name as VPSie gives it back: often as it was, sometimes not.
func (s *Server) recase(hostname, identifier string) string {
	if !s.odd("case", identifier) {
		return hostname
	}
	if s.draw("upper", identifier).IntN(2) == 0 {
		return strings.ToUpper(hostname)
	}
	words := strings.Split(hostname, "-")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "-")
}

// fold is how host names are compared.
func fold(hostname string) string { return strings.ToLower(hostname) }
