package cli

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// screen is written to by the spinner's own goroutine, too.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestProgressSaysWhatIsBeingDone(t *testing.T) {
	s := &screen{}
	p := spin(s)
	p.step("reading the cluster")
	p.stage("decide")
	p.stage("verify")
	p.end()
	p.end()
	p.step("after the end")
	shown := s.String()
	for _, text := range []string{"reading the cluster", "deciding what to buy", "verifying with kube-scheduler"} {
		assert.Contains(t, shown, text)
	}
	assert.NotContains(t, shown, "after the end")
	last := shown[strings.LastIndex(shown, "verifying"):]
	assert.True(t, strings.HasSuffix(last, "\r"), "the line is wiped: %q", last)
}

func TestProgressIsForTerminals(t *testing.T) {
	s := &screen{}
	p := newProgress(s)
	p.step("reading the cluster")
	p.end()
	assert.Empty(t, s.String())
}
