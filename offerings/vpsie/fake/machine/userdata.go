package machine

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// largestFile in bytes that user data may unpack to.
const largestFile = 16 << 20

// A program is what user data asks a machine to do, in this order.
type program struct {
	// hostname to take; "" keeps the one given.
	hostname string
	// early is a script that runs before the files are written, late one after.
	early, late script
	files       []file
}

// script is shell code and the shell that reads it.
type script struct {
	text string
	bash bool
}

// parse reads user data or a script as cloud-init does. Empty data is an empty
// program. Errors name the place and never the content, which may be secret.
func parse(data []byte) (*program, error) {
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		unpacked, err := gunzip(data)
		if err != nil {
			return nil, fmt.Errorf("user data: %w", err)
		}
		data = unpacked
	}
	text := string(data)
	first, _, _ := strings.Cut(text, "\n")
	first = strings.TrimRight(first, " \t\r")
	switch {
	case strings.TrimSpace(text) == "":
		return &program{}, nil
	case first == "#cloud-config":
		return parseCloudConfig(data)
	case strings.HasPrefix(first, "#!"):
		bash, err := shellOf(first)
		if err != nil {
			return nil, err
		}
		return &program{late: script{text: text, bash: bash}}, nil
	case strings.HasPrefix(strings.ToLower(first), "content-type: multipart"), strings.HasPrefix(strings.ToLower(first), "mime-version:"):
		return nil, errors.New("user data: multi-part MIME is not understood here; send one #cloud-config or one script")
	case strings.HasPrefix(first, "## template:"):
		return nil, errors.New("user data: templates are not rendered here")
	}
	return nil, errors.New("user data: must begin with #cloud-config or with #! and a shell")
}

// shellOf reads a line such as #!/bin/sh.
func shellOf(line string) (bash bool, err error) {
	words := strings.Fields(strings.TrimPrefix(line, "#!"))
	if len(words) > 1 && words[0] == "/usr/bin/env" {
		words = words[1:]
	}
	if len(words) > 0 {
		switch words[0] {
		case "/bin/bash", "/usr/bin/bash", "bash":
			return true, nil
		case "/bin/sh", "/usr/bin/sh", "sh", "/bin/dash":
			return false, nil
		}
	}
	return false, fmt.Errorf("user data: line 1: no shell that is understood here, want #!/bin/sh or #!/bin/bash")
}

func gunzip(data []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	unpacked, err := io.ReadAll(io.LimitReader(reader, largestFile+1))
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	if len(unpacked) > largestFile {
		return nil, fmt.Errorf("gzip: more than %d bytes", largestFile)
	}
	return unpacked, nil
}
