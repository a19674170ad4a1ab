package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/process"
)

// shell runs a script.
func shell(t *testing.T, script string, environment ...string) *process.Process {
	t.Helper()
	p, err := process.Start(process.Command{
		Program: "/bin/sh", Arguments: []string{"-c", script}, Name: "script",
		Log: filepath.Join(t.TempDir(), "log"), Environment: environment,
	})
	require.NoError(t, err)
	t.Cleanup(p.Kill)
	return p
}

func TestDeathShowsTheEndOfTheLog(t *testing.T) {
	p := shell(t, `for i in 1 2 3 4 5 6 7 8 9 10 11 $LAST; do echo line $i; done; exit 3`, "LAST=twelve")
	<-p.Ended()
	err := p.Death()
	require.ErrorContains(t, err, "script ended: exit status 3")
	assert.ErrorContains(t, err, "ends with:\nline 3\n")
	assert.True(t, strings.HasSuffix(err.Error(), "line twelve"), "%v", err)
	p.Kill()
	assert.Equal(t, err, p.Death(), "killing the dead changes nothing")
}

func TestEndingWellIsADeathToo(t *testing.T) {
	p := shell(t, "exit 0")
	<-p.Ended()
	assert.ErrorContains(t, p.Death(), "script ended: exit status 0")
}

func TestStop(t *testing.T) {
	t.Run("a program that obeys", func(t *testing.T) {
		p := shell(t, `trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done`)
		require.NoError(t, p.Ready(t.Context(), contains(p, "ready")))
		require.NoError(t, p.Death(), "it runs")
		p.Stop(time.Minute)
		assert.ErrorContains(t, p.Death(), "exit status 7")
	})
	t.Run("a program that does not", func(t *testing.T) {
		p := shell(t, `trap '' TERM; echo ready; while :; do sleep 0.01; done`)
		require.NoError(t, p.Ready(t.Context(), contains(p, "ready")))
		p.Stop(50 * time.Millisecond)
		assert.ErrorContains(t, p.Death(), "signal: killed")
	})
}

// contains looks for a word in what a program has printed.
func contains(p *process.Process, word string) func(context.Context) error {
	return func(context.Context) error {
		content, err := os.ReadFile(p.Log())
		if err == nil && !strings.Contains(string(content), word) {
			err = errors.New("not printed")
		}
		return err
	}
}

func TestReady(t *testing.T) {
	never := func(context.Context) error { return errors.New("not yet") }
	t.Run("when it succeeds", func(t *testing.T) {
		tries := 0
		require.NoError(t, shell(t, "exec sleep 600").Ready(t.Context(), func(context.Context) error {
			if tries++; tries < 3 {
				return errors.New("not yet")
			}
			return nil
		}))
		assert.Equal(t, 3, tries)
	})
	t.Run("of a program that ends", func(t *testing.T) {
		assert.ErrorContains(t, shell(t, "echo because; exit 1").Ready(t.Context(), never), "because")
	})
	t.Run("given up", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := shell(t, "echo busy; exec sleep 600").Ready(ctx, never)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "script is not ready")
		assert.ErrorContains(t, err, "not yet")
	})
}

func TestStartFails(t *testing.T) {
	_, err := process.Start(process.Command{Program: "/nonexistent", Log: filepath.Join(t.TempDir(), "log")})
	assert.ErrorContains(t, err, "starting nonexistent")
	_, err = process.Start(process.Command{Program: "/bin/sh", Log: filepath.Join(t.TempDir(), "no", "folder")})
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestIdentity(t *testing.T) {
	p := shell(t, "exec sleep 600")
	identity, err := process.Identify(p.PID())
	require.NoError(t, err)
	assert.True(t, identity.Runs())

	stranger := identity
	stranger.Started = "before"
	assert.False(t, stranger.Runs(), "the same process ID, another process")
	require.NoError(t, stranger.End(0))
	assert.True(t, identity.Runs(), "a stranger is left alone")

	require.NoError(t, identity.End(time.Minute))
	assert.False(t, identity.Runs())
	require.NoError(t, identity.End(time.Minute), "again")
	<-p.Ended()
	_, err = process.Identify(p.PID())
	assert.ErrorContains(t, err, "identifying process")
}

func TestEndKillsWhatDoesNotEnd(t *testing.T) {
	p := shell(t, `trap '' TERM; echo ready; while :; do sleep 0.01; done`)
	require.NoError(t, p.Ready(t.Context(), contains(p, "ready")))
	identity, err := process.Identify(p.PID())
	require.NoError(t, err)
	require.NoError(t, identity.End(50*time.Millisecond))
	<-p.Ended()
	assert.ErrorContains(t, p.Death(), "killed")
}

// envParent makes this test binary start a program and wait to be killed.
const envParent = "VPSIE_TEST_PARENT"

func TestMain(m *testing.M) {
	log := os.Getenv(envParent)
	if log == "" {
		os.Exit(m.Run())
	}
	child, err := process.Start(process.Command{Program: "/bin/sleep", Arguments: []string{"600"}, Log: log})
	if err != nil {
		panic(err)
	}
	identity, err := process.Identify(child.PID())
	if err != nil {
		panic(err)
	}
	_ = json.NewEncoder(os.Stdout).Encode(identity)
	<-child.Ended()
}

func TestChildDiesWithItsParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), envParent+"="+filepath.Join(t.TempDir(), "log"))
	output, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	var identity process.Identity
	require.NoError(t, json.NewDecoder(output).Decode(&identity))
	require.True(t, identity.Runs())

	require.NoError(t, parent.Process.Signal(syscall.SIGKILL))
	_ = parent.Wait()

	require.Eventually(t, func() bool { return !identity.Runs() }, 30*time.Second, 10*time.Millisecond)
}
