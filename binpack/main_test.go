package binpack

import (
	"flag"
	"os"
	"testing"
)

// TestMain keeps the enumeration of small instances, which costs about a second
// a case, to a dozen cases unless -rapid.checks asks for more.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", "12"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
