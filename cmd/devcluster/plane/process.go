package plane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// A process is one program of the plane, which ends with this process.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	// ended is closed when the program has ended and was waited for.
	ended chan struct{}
	// failure is how it ended, to be read after ended.
	failure error
}

// start runs a program whose output is appended to the file log.
func start(program, name, log string, arguments []string) (*process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cmd := exec.Command(program, arguments...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = attributes()
	p := &process{name: name, log: log, cmd: cmd, ended: make(chan struct{})}
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

// stop asks the program to end, kills it when it has not within grace, and
// returns when it is gone. No grace kills at once.
func (p *process) stop(grace time.Duration) {
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

// ready calls probe until it succeeds. It fails when the program ends before, or
// ctx does.
func (p *process) ready(ctx context.Context, probe func(context.Context) error) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return p.death()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w\n%s", p.name, ctx.Err(), err, p.lastLines())
		case <-ticker.C:
		}
	}
}

// death says how a program ended that should not have.
func (p *process) death() error {
	how := p.failure
	if how == nil {
		how = errors.New("exit status 0")
	}
	return fmt.Errorf("%s ended: %w\n%s", p.name, how, p.lastLines())
}

// lastLines are the end of the log, at most ten lines.
func (p *process) lastLines() string {
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
