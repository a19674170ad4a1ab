package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cluster"
)

// upDetached runs this program once more in a session of its own, with the same
// flags, and returns when its cluster is ready.
func upDetached(command *cobra.Command, streams genericiooptions.IOStreams, dir string) error {
	ctx := command.Context()
	logs := filepath.Join(dir, cluster.LogsFolder)
	if err := os.MkdirAll(logs, 0o700); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(logs, "devcluster.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(program, again(command, dir)...)
	child.Stdout, child.Stderr = log, log
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	state, err := awaitReady(ctx, dir, child.Process.Pid, ended)
	if err != nil {
		_ = child.Process.Signal(syscall.SIGTERM)
		// Read through what is open, as the folder may be gone.
		output, _ := io.ReadAll(io.NewSectionReader(log, 0, largestLog))
		return fmt.Errorf("%w\n%s", err, strings.ReplaceAll(strings.TrimSpace(string(output)), "error: ", ""))
	}
	fmt.Fprintf(streams.Out, "ready, in process %d; devcluster down ends it\n", state.Main.PID)
	printWhere(streams, state)
	return nil
}

// largestLog is how much of a failed start is shown, in bytes.
const largestLog = 64 << 10

// again is the command line that does the same without --detach.
func again(command *cobra.Command, dir string) []string {
	arguments := []string{"up", "--dir=" + dir}
	command.Flags().Visit(func(flag *pflag.Flag) {
		switch values, many := flag.Value.(pflag.SliceValue); {
		case flag.Name == "detach" || flag.Name == "dir":
		case many:
			for _, value := range values.GetSlice() {
				arguments = append(arguments, "--"+flag.Name+"="+value)
			}
		default:
			// A map prints itself in brackets that its parser does not take.
			arguments = append(arguments, "--"+flag.Name+"="+strings.Trim(flag.Value.String(), "[]"))
		}
	})
	return arguments
}

// awaitReady waits until the process has written down that its cluster is ready.
func awaitReady(ctx context.Context, dir string, pid int, ended <-chan error) (*cluster.State, error) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ended:
			return nil, errors.New("the cluster did not start")
		case <-ticker.C:
			state, err := cluster.ReadState(dir)
			if err == nil && state.Main.PID == pid && state.Ready {
				return state, nil
			}
		}
	}
}
