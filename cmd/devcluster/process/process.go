package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Process is one running program, which ends with this process. Its methods may
// be called from several goroutines.
type Process struct {
	// Name is what errors call it.
	Name string

	log string
	cmd *exec.Cmd
	// ended is closed when the program has ended and was waited for.
	ended chan struct{}
	// failure is how it ended, to be read after ended.
	failure error
}

// Command is what to run.
type Command struct {
	// Program is the path of the executable, Arguments what follows it.
	Program   string
	Arguments []string
	// Name is what errors call it; the base name of Program when empty.
	Name string
	// Log is the file that its output is appended to.
	Log string
	// Environment is added to this process' own.
	Environment []string
}

// Start runs a program.
func Start(c Command) (*Process, error) {
	name, log := c.Name, c.Log
	if name == "" {
		name = filepath.Base(c.Program)
	}
	output, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cmd := exec.Command(c.Program, c.Arguments...)
	cmd.Env = append(os.Environ(), c.Environment...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = attributes()
	p := &Process{Name: name, log: log, cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel signals a child when the thread that made it ends, not when
		// the process does, so this thread stays for as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.failure = cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, nil
}

// PID is the process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is the path of the file with the program's output.
func (p *Process) Log() string { return p.log }

// Ended is closed when the program has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Kill sends SIGKILL and returns when the program is gone.
func (p *Process) Kill() { p.Stop(0) }

// Stop asks the program to end, kills it when it has not within grace, and
// returns when it is gone. No grace kills at once.
func (p *Process) Stop(grace time.Duration) {
	if grace > 0 {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-p.ended:
			return
		case <-timer.C:
		}
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Ready calls probe until it succeeds. It fails when the program ends before, or
// ctx does.
func (p *Process) Ready(ctx context.Context, probe func(context.Context) error) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return p.Death()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w\n%s", p.Name, ctx.Err(), err, p.lastLines())
		case <-ticker.C:
		}
	}
}

// Death says how a program ended that should not have, nil while it runs.
func (p *Process) Death() error {
	select {
	case <-p.ended:
	default:
		return nil
	}
	how := p.failure
	if how == nil {
		how = errors.New("exit status 0")
	}
	return fmt.Errorf("%s ended: %w\n%s", p.Name, how, p.lastLines())
}

// lastLines are the end of the log, at most ten lines.
func (p *Process) lastLines() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	if len(lines) > 10 {
		lines = lines[len(lines)-10:]
	}
	return p.log + " ends with:\n" + string(bytes.Join(lines, []byte("\n")))
}
