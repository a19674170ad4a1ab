package machine

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"mvdan.cc/sh/v3/interp"
)

// disk is a machine's file system, in memory.
type disk struct {
	mu    sync.Mutex
	files map[string]*node
}

// node is a file or folder.
type node struct {
	content []byte
	mode    fs.FileMode
}

func newDisk() *disk {
	d := &disk{files: map[string]*node{}}
	for _, dir := range []string{
		"/", "/bin", "/boot", "/dev", "/etc", "/etc/apt", "/etc/apt/keyrings", "/etc/apt/sources.list.d", "/etc/containerd",
		"/etc/default", "/etc/kubernetes", "/etc/modules-load.d", "/etc/sysctl.d", "/etc/systemd/system", "/home", "/opt", "/proc",
		"/root", "/run", "/sys", "/tmp", "/usr/bin", "/usr/local/bin", "/var/lib/kubelet", "/var/lib/cloud", "/var/log",
	} {
		d.mkdir(dir)
	}
	d.files["/etc/fstab"] = &node{content: []byte("LABEL=cloudimg-rootfs / ext4 defaults 0 1\n"), mode: 0o644}
	d.files["/etc/os-release"] = &node{content: []byte("ID=ubuntu\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\n"), mode: 0o644}
	return d
}

// mkdir makes a folder and those above it.
func (d *disk) mkdir(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name = path.Clean(name); ; name = path.Dir(name) {
		if d.files[name] == nil {
			d.files[name] = &node{mode: fs.ModeDir | 0o755}
		}
		if name == "/" {
			return
		}
	}
}

// put writes a whole file, or more of one, making the folders above it.
func (d *disk) put(f file) {
	d.mkdir(path.Dir(f.path))
	d.mu.Lock()
	defer d.mu.Unlock()
	content := bytes.Clone(f.content)
	if old := d.files[f.path]; old != nil && f.append {
		content = append(bytes.Clone(old.content), content...)
	}
	d.files[f.path] = &node{content: content, mode: fs.FileMode(f.mode)}
}

func (d *disk) read(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.files[path.Clean(name)]
	if n == nil || n.mode.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return bytes.Clone(n.content), nil
}

// remove deletes a file or folder and all below it.
func (d *disk) remove(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = path.Clean(name)
	maps.DeleteFunc(d.files, func(other string, _ *node) bool {
		return other == name || strings.HasPrefix(other, name+"/")
	})
}

func (d *disk) stat(name string) (fs.FileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.files[path.Clean(name)]
	if n == nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return info{path.Base(name), *n}, nil
}

// list is what lies in a folder, sorted.
func (d *disk) list(name string) []fs.DirEntry {
	d.mu.Lock()
	defer d.mu.Unlock()
	var entries []fs.DirEntry
	for _, other := range slices.Sorted(maps.Keys(d.files)) {
		if other != "/" && path.Dir(other) == path.Clean(name) {
			entries = append(entries, fs.FileInfoToDirEntry(info{path.Base(other), *d.files[other]}))
		}
	}
	return entries
}

// open is how the shell opens files for redirections.
func (d *disk) open(_ context.Context, name string, flag int, perm fs.FileMode) (io.ReadWriteCloser, error) {
	if name == os.DevNull {
		return &handle{}, nil
	}
	if flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		content, err := d.read(name)
		return &handle{reader: bytes.NewReader(content)}, err
	}
	if _, err := d.stat(path.Dir(path.Clean(name))); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	f := file{path: path.Clean(name), mode: uint32(perm.Perm()), append: flag&os.O_APPEND != 0}
	d.put(f) // the file exists, and is empty unless more is written to it
	f.append = true
	return &handle{disk: d, file: f}, nil
}

// handle is an open file.
type handle struct {
	reader *bytes.Reader
	disk   *disk
	file   file
}

func (h *handle) Read(p []byte) (int, error) {
	if h.reader == nil {
		return 0, io.EOF
	}
	return h.reader.Read(p)
}

func (h *handle) Write(p []byte) (int, error) {
	if h.disk != nil {
		h.file.content = p
		h.disk.put(h.file)
	}
	return len(p), nil
}

func (h *handle) Close() error { return nil }

// info describes a file.
type info struct {
	name string
	node node
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return int64(len(i.node.content)) }
func (i info) Mode() fs.FileMode  { return i.node.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.node.mode.IsDir() }
func (i info) Sys() any           { return nil }

// handlers make the shell use this file system and no other.
func (d *disk) handlers() []interp.RunnerOption {
	return []interp.RunnerOption{
		interp.OpenHandler(d.open),
		interp.StatHandler(func(_ context.Context, name string, _ bool) (fs.FileInfo, error) { return d.stat(name) }),
		interp.ReadDirHandler2(func(_ context.Context, name string) ([]fs.DirEntry, error) { return d.list(name), nil }),
		interp.AccessHandler(func(_ context.Context, name string, _ interp.AccessMode) error {
			_, err := d.stat(name) // root may everything that exists
			return err
		}),
	}
}

func (d *disk) chmod(name string, mode fs.FileMode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.files[name]; n != nil {
		n.mode = n.mode&^fs.ModePerm | mode.Perm()
	}
}
