package input

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// DefaultMaxBytes is the most that one input may hold after decompression.
const DefaultMaxBytes int64 = 1 << 30

// source is one input, in memory, decompressed and in UTF-8.
type source struct {
	name string
	data []byte
}

// place is where something begins in a source.
type place struct {
	src    *source
	offset int
	// element leads on from there, to what has no line of its own.
	element string
}

// String is file:line, or file:line:column where the line holds more than one
// object (a dump on a single line), columns being bytes from 1.
func (p place) String() string {
	before := p.src.data[:min(p.offset, len(p.src.data))]
	line := 1 + bytes.Count(before, []byte{'\n'})
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	s := fmt.Sprintf("%s:%d", p.src.name, line)
	if len(bytes.TrimLeft(before[lineStart:], " \t-")) > 0 {
		s = fmt.Sprintf("%s:%d", s, len(before)-lineStart+1)
	}
	if p.element != "" {
		s += ": " + p.element
	}
	return s
}

func (p place) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", p, fmt.Errorf(format, args...))
}

// readFile reads a regular file, or what a symbolic link leads to.
func readFile(path string, maxBytes int64) (*source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // already names the file
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s: is a directory", path)
	}
	if info.Mode().IsRegular() && info.Size() > maxBytes {
		return nil, tooLarge(path, maxBytes)
	}
	return readSource(path, f, info.Size(), maxBytes)
}

func tooLarge(name string, maxBytes int64) error {
	return fmt.Errorf("%s: larger than %d MiB: split it, or leave out what is not needed to schedule (events, secrets, old ReplicaSets)", name, maxBytes>>20)
}

// readSource reads everything from r. size is a hint, in bytes.
func readSource(name string, r io.Reader, size, maxBytes int64) (*source, error) {
	data, err := readAll(r, size, maxBytes)
	if err != nil {
		return nil, sourceError(name, maxBytes, err)
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		if data, err = gunzip(data, maxBytes); err != nil {
			return nil, sourceError(name, maxBytes, err)
		}
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("%s: empty file", name)
	}
	if data, err = toUTF8(data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &source{name: name, data: data}, nil
}

var errTooLarge = errors.New("too large")

func sourceError(name string, maxBytes int64, err error) error {
	if errors.Is(err, errTooLarge) {
		return tooLarge(name, maxBytes)
	}
	return fmt.Errorf("%s: %w", name, err)
}

func gunzip(data []byte, maxBytes int64) ([]byte, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	// The trailer holds the size modulo 4 GiB: a hint that a hostile file may
	// set freely, hence the cap.
	size := int64(0)
	if n := len(data); n >= 8 {
		tail := data[n-4:]
		size = int64(tail[0]) | int64(tail[1])<<8 | int64(tail[2])<<16 | int64(tail[3])<<24
	}
	plain, err := readAll(zipped, min(size, 64*int64(len(data))), maxBytes)
	if err != nil && !errors.Is(err, errTooLarge) {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	return plain, err
}

// readAll is io.ReadAll with a limit and without doubling a large buffer.
func readAll(r io.Reader, size, maxBytes int64) ([]byte, error) {
	// One byte more than expected, so that end of file is seen without growing.
	buf := make([]byte, 0, min(max(size, 511), maxBytes)+1)
	for {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), len(buf)+len(buf)/4+4096)
			copy(grown, buf)
			buf = grown
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > maxBytes {
			return nil, errTooLarge
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// toUTF8 accepts what editors and shells write: UTF-8 with or without a byte
// order mark, and UTF-16 with one (PowerShell's redirection).
func toUTF8(data []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xef, 0xbb, 0xbf}):
		data = data[3:]
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		if len(data)%2 != 0 {
			return nil, errors.New("truncated UTF-16")
		}
		decoded, _, err := transform.Bytes(unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder(), data)
		if err != nil {
			return nil, fmt.Errorf("UTF-16: %w", err)
		}
		data = decoded
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return nil, fmt.Errorf("binary data (a zero byte at offset %d): neither YAML nor JSON", i)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("not UTF-8 text (offset %d): neither YAML nor JSON", invalidUTF8(data))
	}
	return data, nil
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
}
