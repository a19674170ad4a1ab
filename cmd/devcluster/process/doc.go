// Package process runs programs that must not outlive this one: each with a log
// file, killed by the kernel when this process dies however it dies, and with an
// error that shows the end of the log when it ends before it should.
//
// It also tells processes apart by more than their process ID (Identity), so that
// what an earlier run left behind can be ended without harming a stranger that got
// the same ID. What is run, and when it is ready, its users know.
package process
