package machine

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/interp"
)

// command is a program of the machine. It fails with an exit status, or with
// errUnknown when it was asked for something that is not known here.
type command func(ctx context.Context, g *guest, shell *interp.HandlerContext, args []string) error

// commands that a machine has. Those without effect concern what it does not
// have: packages, services, a kernel, a network of its own.
var commands map[string]command

func init() { // kubeadm and sh run through this table: a literal would be a cycle
	commands = map[string]command{
		"kubeadm": kubeadmCommand, "hostnamectl": hostnamectl, "hostname": hostname, "sleep": sleep,
		"sh": subshell, "bash": subshell, "env": environment, "sudo": environment, "which": which,
		"cat": cat, "tee": tee, "mkdir": mkdir, "rm": remove, "touch": touch, "cp": copyFile, "mv": move, "chmod": chmod,
		"sed": sed, "uname": uname, "install": install, "curl": fetch, "wget": fetch, "containerd": containerd,
	}
	for _, name := range []string{
		"apt-get", "apt", "apt-mark", "apt-key", "dpkg", "snap", "systemctl", "modprobe", "sysctl", "swapoff", "timedatectl", "ufw",
		"iptables", "nft", "ip", "update-ca-certificates", "gpg", "add-apt-repository", "crictl", "ctr", "udevadm", "mount", "chown",
		"groupadd", "useradd", "usermod", "chpasswd", "logger", "sync", "loginctl", "cloud-init", "kubelet", "ssh-keygen",
		"systemd-machine-id-setup", "localectl", "journalctl",
	} {
		commands[name] = idle
	}
}

// idle does nothing, successfully.
func idle(context.Context, *guest, *interp.HandlerContext, []string) error { return nil }

func failed(status uint8) error { return interp.ExitStatus(status) }

// operands are the arguments that are not options.
func operands(args []string) []string {
	var rest []string
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			rest = append(rest, a)
		}
	}
	return rest
}

// absolute is a path as seen from the shell's folder.
func absolute(shell *interp.HandlerContext, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(shell.Dir, name)
}

func hostnamectl(_ context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	words := operands(args)
	switch {
	case len(words) == 2 && (words[0] == "set-hostname" || words[0] == "hostname"):
		g.hostname = words[1]
		return nil
	case len(words) == 0 || words[0] == "status":
		return idle(context.Background(), g, shell, args)
	}
	return errUnknown{"hostnamectl " + printable(words[0]) + " is not known here"}
}

func hostname(_ context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	words := operands(args)
	switch {
	case len(words) == 1:
		g.hostname = words[0]
	case len(args) == 1 && (args[0] == "-I" || args[0] == "-i"):
		fmt.Fprintln(shell.Stdout, strings.Join(g.addresses(), " "))
	case len(args) == 1 && args[0] == "-s":
		short, _, _ := strings.Cut(g.hostname, ".")
		fmt.Fprintln(shell.Stdout, short)
	default:
		fmt.Fprintln(shell.Stdout, g.hostname)
	}
	return nil
}

func sleep(ctx context.Context, g *guest, _ *interp.HandlerContext, args []string) error {
	if len(args) != 1 {
		return failed(1)
	}
	text := args[0]
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return failed(1)
	}
	return g.pause(ctx, d)
}

// subshell runs `sh -c CODE` or `sh FILE`.
func subshell(ctx context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && !strings.Contains(args[0], "c") {
		args = args[1:]
	}
	switch {
	case len(args) >= 2 && strings.HasPrefix(args[0], "-"):
		return g.execute(ctx, "sh -c", script{text: args[1], bash: true})
	case len(args) >= 1 && !strings.HasPrefix(args[0], "-"):
		content, err := g.disk.read(absolute(shell, args[0]))
		if err != nil {
			return failed(127)
		}
		return g.script(ctx, args[0], content)
	}
	return errUnknown{"sh: only -c CODE or a file is understood here"}
}

// environment runs the rest of its line: everybody is root, and variables
// matter to no command here.
func environment(ctx context.Context, g *guest, _ *interp.HandlerContext, args []string) error {
	for len(args) > 0 && (strings.HasPrefix(args[0], "-") || strings.Contains(args[0], "=")) {
		args = args[1:]
	}
	if len(args) == 0 {
		return nil
	}
	return g.exec(ctx, args)
}

func which(_ context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	for _, name := range operands(args) {
		if _, known := commands[name]; !known && !interp.IsBuiltin(name) {
			return failed(1)
		}
		fmt.Fprintln(shell.Stdout, path.Join("/usr/bin", name))
	}
	return nil
}

func cat(_ context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	names := operands(args)
	if len(names) == 0 {
		return pass(shell.Stdout, shell.Stdin)
	}
	for _, name := range names {
		content, err := g.disk.read(absolute(shell, name))
		if err != nil {
			return failed(1)
		}
		if _, err := shell.Stdout.Write(content); err != nil {
			return failed(1)
		}
	}
	return nil
}

func pass(to io.Writer, from io.Reader) error {
	if from == nil {
		return nil
	}
	if _, err := io.Copy(to, io.LimitReader(from, largestFile)); err != nil {
		return failed(1)
	}
	return nil
}

func tee(_ context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	var content strings.Builder
	if err := pass(&content, shell.Stdin); err != nil {
		return err
	}
	more := len(args) > 0 && (args[0] == "-a" || args[0] == "--append")
	for _, name := range operands(args) {
		g.disk.put(file{path: absolute(shell, name), content: []byte(content.String()), mode: 0o644, append: more})
	}
	fmt.Fprint(shell.Stdout, content.String())
	return nil
}

func mkdir(_ context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	for _, name := range operands(args) {
		if !strings.HasPrefix(name, "0") { // the mode of -m
			g.disk.mkdir(absolute(shell, name))
		}
	}
	return nil
}

func remove(_ context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	for _, name := range operands(args) {
		g.disk.remove(absolute(shell, name))
	}
	return nil
}

func touch(_ context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	for _, name := range operands(args) {
		g.disk.put(file{path: absolute(shell, name), mode: 0o644, append: true})
	}
	return nil
}

func copyFile(_ context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	names := operands(args)
	if len(names) != 2 {
		return failed(1)
	}
	content, err := g.disk.read(absolute(shell, names[0]))
	if err != nil {
		return failed(1)
	}
	to := absolute(shell, names[1])
	if at, err := g.disk.stat(to); err == nil && at.IsDir() {
		to = path.Join(to, path.Base(names[0]))
	}
	g.disk.put(file{path: to, content: content, mode: 0o644})
	return nil
}

func move(ctx context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	if err := copyFile(ctx, g, shell, args); err != nil {
		return err
	}
	g.disk.remove(absolute(shell, operands(args)[0]))
	return nil
}

// chmod knows octal modes; another kind changes nothing that matters to root.
func chmod(_ context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	words := operands(args)
	if len(words) < 2 {
		return failed(1)
	}
	mode, err := strconv.ParseUint(words[0], 8, 12)
	for _, name := range words[1:] {
		if _, missing := g.disk.stat(absolute(shell, name)); missing != nil {
			return failed(1)
		}
		if err == nil {
			g.disk.chmod(absolute(shell, name), fs.FileMode(mode))
		}
	}
	return nil
}

// install makes folders (-d), or copies a file.
func install(ctx context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	for i, a := range args {
		switch a {
		case "-d":
			return mkdir(ctx, g, shell, args[i+1:])
		case "-m", "-o", "-g":
			return install(ctx, g, shell, append(append([]string{}, args[:i]...), args[min(i+2, len(args)):]...))
		}
	}
	return copyFile(ctx, g, shell, args)
}

func uname(_ context.Context, _ *guest, shell *interp.HandlerContext, args []string) error {
	answer := "Linux"
	for _, a := range args {
		switch a {
		case "-m", "-p":
			answer = "x86_64"
		case "-r":
			answer = kernelVersion
		}
	}
	fmt.Fprintln(shell.Stdout, answer)
	return nil
}

// fetch downloads nothing: there is no network but the control plane. The file
// it was to write is there, and empty.
func fetch(_ context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	for i, a := range args {
		if (a == "-o" || a == "-O" || a == "--output" || a == "-fsSLo") && i+1 < len(args) {
			g.disk.put(file{path: absolute(shell, args[i+1]), mode: 0o644})
		}
	}
	return nil
}

func containerd(_ context.Context, _ *guest, shell *interp.HandlerContext, args []string) error {
	if strings.Join(args, " ") == "config default" {
		fmt.Fprint(shell.Stdout, "version = 3\n[plugins]\n  SystemdCgroup = false\n")
	}
	return nil
}
