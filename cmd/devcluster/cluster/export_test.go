package cluster

// WriteState lets tests change what a cluster wrote down.
func WriteState(dir string, state *State) error { return state.write(dir) }
