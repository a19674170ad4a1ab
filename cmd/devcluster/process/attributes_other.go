//go:build !linux

package process

import "syscall"

// attributes are none: only Linux kills children with their parent.
func attributes() *syscall.SysProcAttr { return nil }
