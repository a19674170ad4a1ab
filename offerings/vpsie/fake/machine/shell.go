package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// errUnknown ends a boot: what a command does that is not known here, nobody can say.
type errUnknown struct{ what string }

func (e errUnknown) Error() string { return e.what }

// execute runs a script. Its exit status counts for nothing, as with
// cloud-init; what a command that is not known means for the boot, counts.
func (g *guest) execute(ctx context.Context, name string, s script) error {
	if s.text == "" {
		return nil
	}
	variant := syntax.LangPOSIX
	if s.bash {
		variant = syntax.LangBash
	}
	parsed, err := syntax.NewParser(syntax.Variant(variant)).Parse(strings.NewReader(s.text), name)
	if err != nil {
		var syntaxError syntax.ParseError
		if errors.As(err, &syntaxError) {
			return fmt.Errorf("%s: line %d: %s", name, syntaxError.Pos.Line(), clean(syntaxError.Text))
		}
		return fmt.Errorf("%s: not a shell script: %w", name, hidden(err))
	}
	options := append(g.disk.handlers(),
		interp.Env(expand.ListEnviron("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "USER=root")),
		interp.StdIO(nil, io.Discard, io.Discard),
		interp.CallHandler(g.call),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return g.exec }),
	)
	runner, err := interp.New(options...)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	err = runner.Run(ctx, parsed)
	var status interp.ExitStatus
	if err == nil || errors.As(err, &status) {
		return nil
	}
	return fmt.Errorf("%s: %w", name, hidden(err))
}

// call sees each command before the shell does. Those that would look for
// programs on this machine, instead of on the one that is imagined, are ours.
func (g *guest) call(_ context.Context, args []string) ([]string, error) {
	if lookups[args[0]] {
		return append([]string{"which"}, args[1:]...), nil
	}
	return args, nil
}

// lookups are builtins that say whether a command exists.
var lookups = map[string]bool{"command": true, "type": true, "hash": true}

// exec runs a command that is not the shell's own.
func (g *guest) exec(ctx context.Context, args []string) error {
	shell := interp.HandlerCtx(ctx)
	name := strings.TrimPrefix(strings.TrimPrefix(args[0], "/usr"), "/bin/")
	if c, known := commands[name]; known {
		return c(ctx, g, &shell, args[1:])
	}
	if content, err := g.disk.read(args[0]); err == nil {
		return g.script(ctx, args[0], content)
	}
	return errUnknown{fmt.Sprintf("line %d: unknown command %s", shell.Pos.Line(), printable(args[0]))}
}

// script runs a file that was written before.
func (g *guest) script(ctx context.Context, name string, content []byte) error {
	first, _, _ := strings.Cut(string(content), "\n")
	bash := false
	if strings.HasPrefix(first, "#!") {
		var err error
		if bash, err = shellOf(first); err != nil {
			return errUnknown{fmt.Sprintf("%s: no shell that is understood here", name)}
		}
	}
	return g.execute(ctx, name, script{text: string(content), bash: bash})
}
