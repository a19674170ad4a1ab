package vector

// coarse serves instances whose classes are too many for the master.
func (s *search) coarse(all []int32) {
	im := newImprover(s.in, s.meter, s.pk, s.y, s.target())
	im.patience = 2000
	im.run(s.best, s.meter.left())
	s.offer(s.best)
}
