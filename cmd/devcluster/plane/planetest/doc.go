// Package planetest gives the tests of a package one control plane, started by
// the first test that asks for it:
//
//	func TestMain(m *testing.M) { planetest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		cluster := planetest.Get(t)
//		...
//	}
//
// Tests are skipped where the programs were not built (`make plane`), and fail
// there when $VPSIE_PLANE_REQUIRED is set, as it is in CI.
//
// It owns the plane's life within a test binary and the cleaning between tests;
// what the plane is, package plane says.
package planetest
