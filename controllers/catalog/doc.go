// Package catalog is where the planner's catalogue comes from while the
// controller runs: what VPSie sells for the images and datacenters of the
// NodeGroups, changed by a catalogue of the user's where there is one, and by
// what joined nodes really offered.
//
// It owns when VPSie is asked and how several answers become one catalogue. The
// last good answer is kept while VPSie cannot be read; offerings that VPSie no
// longer lists stay, unavailable, while there are machines of them. As long as
// nothing was ever read there is no catalogue but an error, on which nobody may
// buy anything.
//
// It refuses to judge NodeGroups (package nodegroup does) and to decide what is
// bought. What VPSie turned out not to have just now, the scale-up remembers.
package catalog
