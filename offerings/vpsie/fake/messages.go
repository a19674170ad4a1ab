package fake

// Messages of refusals. The first four are the real server's, as its clients
// know them; there is no evidence for how it words the others.
const (
	wrongPassword = "You entered the wrong password"
	workerCap     = "Worker nodes count exceeds the allowed limit"
	sameSize      = "Group %s has same selected Size, please select another size"
	// stockOut is worded like the real "At the moment, Storage is not available
	// in this Datacenter, please try a different option ".
	stockOut      = "At the moment, this plan is not available in this Datacenter, please try a different option "
	quotaExceeded = "Quota exceeded: you have reached the maximum number of virtual machines"
	noReason      = "deleteStatistic.reason is required"
)
