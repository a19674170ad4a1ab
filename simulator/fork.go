package simulator

// journal records how to undo each change of a Cluster since the oldest open
// fork. A fork costs nothing, a commit costs nothing, a revert costs what
// changed.
type journal struct {
	undo  []func()
	marks []int
}

// record notes how to undo a change that was just made. Outside a fork there
// is nothing to go back to, and nothing is kept.
func (j *journal) record(undo func()) {
	if len(j.marks) > 0 {
		j.undo = append(j.undo, undo)
	}
}

// Fork opens a transaction; forks nest.
func (c *Cluster) Fork() {
	c.journal.marks = append(c.journal.marks, len(c.journal.undo))
}

// Commit keeps the changes of the newest fork: they become the enclosing
// fork's, or final when there is none.
func (c *Cluster) Commit() {
	j := &c.journal
	last := len(j.marks) - 1
	j.marks = j.marks[:last]
	if last == 0 {
		clear(j.undo)
		j.undo = j.undo[:0]
	}
}

// Revert undoes the changes of the newest fork, newest change first.
func (c *Cluster) Revert() {
	j := &c.journal
	last := len(j.marks) - 1
	mark := j.marks[last]
	// Undoing must not record: nothing is open while the entries run.
	marks := j.marks[:last]
	j.marks = nil
	for i := len(j.undo) - 1; i >= mark; i-- {
		j.undo[i]()
		j.undo[i] = nil
	}
	j.undo = j.undo[:mark]
	j.marks = marks
}
