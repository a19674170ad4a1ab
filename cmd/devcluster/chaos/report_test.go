package chaos

import (
	"encoding/json"
	"os"
	"time"
)

// result is what `make chaos` leaves behind.
type result struct {
	Seed     uint64    `json:"seed"`
	Commit   string    `json:"commit,omitempty"`
	Date     time.Time `json:"date"`
	Duration string    `json:"duration"`
	Passed   bool      `json:"passed"`
	// Kills of the controller, and by when they came.
	Kills   int            `json:"kills"`
	KillsBy map[string]int `json:"killsBy"`
	// Bought machines, and Kept ones of them in the end; Twins are host names for
	// which VPSie itself made two.
	Bought int `json:"bought"`
	Kept   int `json:"kept"`
	Twins  int `json:"twins"`
	// Requests that VPSie got, and Faults that it had, by kind.
	Requests int            `json:"requests"`
	Faults   map[string]int `json:"faults"`
}

func (r *result) text() []byte {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return []byte(err.Error())
	}
	return append(text, '\n')
}

func (r *result) write(path string) error { return os.WriteFile(path, r.text(), 0o644) }
