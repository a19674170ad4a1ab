//go:build !linux

package process

import "errors"

func startOf(int) (string, error) { return "", errors.New("only on Linux") }
