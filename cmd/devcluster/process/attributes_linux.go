package process

import "syscall"

// attributes puts a program into a process group of its own, so that Ctrl-C on a
// terminal reaches this process alone, and has the kernel kill it when this
// process dies, however it dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
