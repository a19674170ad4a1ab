package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

const usage = `controller buys VPSie machines for pods that do not fit, and gives them back.

It runs inside the cluster, as deploy/ sets it up, or beside it:

  # beside the cluster, touching nothing: what would it do?
  controller --kubeconfig ~/.kube/config --leader-election=false --dry-run --log-format console

  # with a configuration file that sets flags by their names
  controller --config controller.yaml

Flags:
`

// Run is the command: it returns the exit code once ctx ends or something fails
// for good. Errors are lines on stderr; the log goes there as well.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = serve(ctx, o, stderr)
	}
	if err == nil {
		return 0
	}
	for _, line := range strings.Split(strings.TrimSpace(err.Error()), "\n") {
		fmt.Fprintf(stderr, "error: %s\n", line)
	}
	return 1
}

// parse reads the flags, then the configuration file.
func parse(args []string, stdout io.Writer) (*Options, error) {
	o := &Options{}
	flags := o.flags()
	flags.SetOutput(io.Discard)
	flags.Usage = func() { fmt.Fprint(stdout, usage+flags.FlagUsagesWrapped(100)) }
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil, err
		}
		return nil, fmt.Errorf("%w (see --help)", err)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %.60q (see --help)", flags.Arg(0))
	}
	if o.ConfigFile != "" {
		if err := readConfigFile(o.ConfigFile, flags); err != nil {
			return nil, err
		}
	}
	return o, o.check()
}
