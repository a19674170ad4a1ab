package cli

import (
	"io"

	"github.com/schollz/progressbar/v3"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/report"
)

// stageSteps say what a stage of binpack does, in words for the user.
var stageSteps = map[string]string{
	"decide": "deciding what to buy",
	"verify": "verifying with kube-scheduler",
	"repair": "repairing the plan",
}

// progress shows on a terminal what is being done; elsewhere it is silent.
type progress struct {
	bar *progressbar.ProgressBar
}

func newProgress(stderr io.Writer) *progress {
	if !report.IsTerminal(stderr) {
		return &progress{}
	}
	return spin(stderr)
}

// spin shows progress wherever w leads.
func spin(w io.Writer) *progress {
	// How long the search takes is not known, so this spins.
	return &progress{bar: progressbar.NewOptions(-1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSpinnerType(14),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetRenderBlankState(true),
	)}
}

// step names what begins now.
func (p *progress) step(text string) {
	if p.bar != nil {
		p.bar.Describe(text)
	}
}

// stage is step for a stage of binpack.
func (p *progress) stage(name string) { p.step(stageSteps[name]) }

// end removes the bar from the terminal; a second call does nothing.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}
