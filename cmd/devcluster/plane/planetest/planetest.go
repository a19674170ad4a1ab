package planetest

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
)

// EnvRequired names the environment variable that turns a missing plane from a
// reason to skip into a failure.
const EnvRequired = "VPSIE_PLANE_REQUIRED"

// shared is the plane of this test binary.
var shared struct {
	once    sync.Once
	options plane.Options
	plane   *plane.Plane
	err     error
}

// Main runs the tests of a package and stops the plane they started. Options,
// at most one, say what plane that is.
func Main(m *testing.M, options ...plane.Options) {
	if len(options) > 0 {
		shared.options = options[0]
	}
	code := m.Run()
	if shared.plane != nil {
		shared.plane.Stop()
	}
	os.Exit(code)
}

// Get returns the plane of this test binary, with the product's
// CustomResourceDefinitions, and starts it for the first who asks. The package
// must have Main as its TestMain, or nobody stops it.
func Get(t testing.TB) *plane.Plane {
	t.Helper()
	Binaries(t)
	shared.once.Do(func() {
		shared.plane, shared.err = plane.Start(context.Background(), shared.options)
		if shared.err == nil {
			shared.err = shared.plane.InstallCRDs(context.Background())
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	if err := shared.plane.Err(); err != nil {
		t.Fatalf("the plane the tests share is broken: %v", err)
	}
	return shared.plane
}

// Binaries returns the programs of a plane for tests that start their own, and
// skips the test where there are none.
func Binaries(t testing.TB) plane.Binaries {
	t.Helper()
	found, err := plane.Find()
	switch {
	case err == nil:
		return found
	case errors.Is(err, plane.ErrNoBinaries) && os.Getenv(EnvRequired) == "":
		t.Skip(err)
	}
	t.Fatal(err)
	return ""
}
