// Package learned watches what joined nodes really offer to pods and puts it in
// the place of estimates: a guest may see less memory than was sold, and only
// the kubelet knows what it reserves.
//
// It owns the observations: which node may be believed and when, the last ones
// of each offering, and the ConfigMap that keeps them over a restart. What they
// mean for a catalogue is offerings.Learned's: the least of each resource.
//
// A node that offers less than planned is believed as soon as it is Ready, so
// that the very next plan knows and does not buy the same machine again for the
// same pods. One that offers no less is believed after it has been Ready for a
// while. A node far below the others of its offering is not believed, unless the
// one after it says the same: one odd machine must not spoil an offering, and
// two are not odd.
//
// It refuses to judge machines: a smaller one is used as it is.
package learned
