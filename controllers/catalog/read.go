package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// A subject is what VPSie is asked for in one go: VPSie sells plans for an
// image, and sizes for managed clusters.
type subject struct {
	managed bool
	// image is empty when managed.
	image string
}

func (s subject) String() string {
	if s.managed {
		return "managed clusters"
	}
	return "image " + s.image
}

// subjectOf is what must be asked for a group; false when it states no image.
func subjectOf(group *v1alpha1.NodeGroup) (subject, bool) {
	if group.Spec.Bootstrap.Mode == v1alpha1.BootstrapManaged {
		return subject{managed: true}, true
	}
	return subject{image: group.Spec.OSImageID}, group.Spec.OSImageID != ""
}

// subjectsOf are those of all groups, plans before managed sizes, by image.
func subjectsOf(groups []v1alpha1.NodeGroup) []subject {
	var subjects []subject
	for i := range groups {
		if of, ok := subjectOf(&groups[i]); ok && !slices.Contains(subjects, of) {
			subjects = append(subjects, of)
		}
	}
	slices.SortFunc(subjects, func(a, b subject) int {
		if a.managed != b.managed {
			if b.managed {
				return -1
			}
			return 1
		}
		return strings.Compare(a.image, b.image)
	})
	return subjects
}

// wantedPlaces are the datacenters of the groups with this subject, sorted; nil
// stands for all, when a group names none.
func wantedPlaces(groups []v1alpha1.NodeGroup, of subject) []string {
	var places []string
	for i := range groups {
		if its, ok := subjectOf(&groups[i]); !ok || its != of {
			continue
		}
		if len(groups[i].Spec.DatacenterIDs) == 0 {
			return nil
		}
		places = append(places, groups[i].Spec.DatacenterIDs...)
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// answer is what VPSie said about a subject.
type answer struct {
	// catalog is the last good answer, nil if there was none; at is when.
	catalog *offerings.Catalog
	at      time.Time
	// places were asked for, sorted.
	places []string
	// err is why the last try failed, which was at tried; nil if it did not.
	err   error
	tried time.Time
}

type placesAnswer struct {
	list []vpsie.Datacenter
	at   time.Time
}

// covers says whether every place wanted was asked for.
func covers(asked, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(place string) bool { return !slices.Contains(asked, place) })
}

// Datacenters are VPSie's, as of at most Refresh ago. Without VPSie they are
// those of the user's catalogue.
func (s *Source) Datacenters(ctx context.Context) ([]vpsie.Datacenter, error) {
	if s.options.VPSie == nil {
		override, err := s.readOverride(ctx)
		if err != nil {
			return nil, err
		}
		var list []vpsie.Datacenter
		for _, d := range override.Datacenters {
			list = append(list, vpsie.Datacenter{ID: d.ID, Name: d.Name, Active: true})
		}
		return list, nil
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	return s.datacenters(ctx)
}

// datacenters needs the lock for reading.
func (s *Source) datacenters(ctx context.Context) ([]vpsie.Datacenter, error) {
	s.mu.Lock()
	known := s.places
	s.mu.Unlock()
	now := s.options.Clock.Now()
	if known != nil && now.Sub(known.at) < s.options.Refresh {
		return known.list, nil
	}
	list, err := s.options.VPSie.Datacenters(ctx)
	s.metrics.read("datacenters", err)
	if err != nil {
		return nil, fmt.Errorf("read VPSie's datacenters: %w", err)
	}
	s.mu.Lock()
	s.places = &placesAnswer{list: list, at: now}
	s.mu.Unlock()
	return list, nil
}

// Sold is what can be bought for one NodeGroup: the answer of VPSie for its
// image, or for managed clusters, under the Override. VPSie is asked when what
// is known does not cover the group or is older than Refresh, and not within
// Retry after it failed; then the last good answer stands in if there is one.
func (s *Source) Sold(ctx context.Context, group *v1alpha1.NodeGroup) (*offerings.Catalog, error) {
	override, err := s.readOverride(ctx)
	if err != nil {
		return nil, err
	}
	if s.options.VPSie == nil {
		return override, nil
	}
	of, ok := subjectOf(group)
	if !ok {
		return nil, fmt.Errorf("NodeGroup %s: spec.osImageID is empty: VPSie sells plans for an image", group.Name)
	}
	var groups v1alpha1.NodeGroupList
	if err := s.options.Client.List(ctx, &groups); err != nil {
		return nil, fmt.Errorf("catalogue: list NodeGroups: %w", err)
	}
	// The cache may not have this group yet, or an older one.
	others := slices.DeleteFunc(groups.Items, func(other v1alpha1.NodeGroup) bool { return other.Name == group.Name })
	catalog, err := s.read(ctx, of, wantedPlaces(append(others, *group), of))
	if err != nil || override == nil {
		return catalog, err
	}
	return overlay(catalog, override)
}

// read returns what is known of a subject and asks VPSie when that is too old.
func (s *Source) read(ctx context.Context, of subject, wanted []string) (*offerings.Catalog, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	places, err := s.activePlaces(ctx, wanted)
	if err != nil {
		return s.lastGood(of, wanted, err)
	}
	s.mu.Lock()
	known := s.answers[of]
	s.mu.Unlock()
	now := s.options.Clock.Now()
	if known != nil && covers(known.places, places) {
		switch {
		case known.err == nil && now.Sub(known.at) < s.options.Refresh:
			return known.catalog, nil
		case known.err != nil && now.Sub(known.tried) < s.options.Retry:
			return s.lastGood(of, places, known.err)
		}
	}
	var catalog *offerings.Catalog
	if of.managed {
		catalog, err = s.options.VPSie.KubeCatalog(ctx, places, s.options.Model)
	} else {
		catalog, err = s.options.VPSie.Catalog(ctx, places, of.image, s.options.Model)
	}
	s.metrics.read("offerings", err)
	if err == nil && of.managed {
		catalog, err = markManaged(catalog)
	}
	if err != nil {
		err = fmt.Errorf("read what VPSie sells for %s: %w", of, err)
		s.mu.Lock()
		failed := answer{places: places, err: err, tried: now}
		if known != nil && covers(known.places, places) {
			failed.catalog, failed.at, failed.places = known.catalog, known.at, known.places
		}
		s.answers[of] = &failed
		s.mu.Unlock()
		return s.lastGood(of, places, err)
	}
	s.mu.Lock()
	s.answers[of] = &answer{catalog: catalog, at: now, places: places}
	s.mu.Unlock()
	s.metrics.lastRead.Set(float64(now.Unix()))
	return catalog, nil
}

// lastGood is the last good answer where it covers what is wanted and VPSie
// merely could not be read; a refusal is an answer of its own.
func (s *Source) lastGood(of subject, wanted []string, err error) (*offerings.Catalog, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.answers[of]
	if known == nil || known.catalog == nil || Refused(err) || !covers(known.places, wanted) {
		return nil, err
	}
	return known.catalog, nil
}

// Refused says that VPSie did answer, and that what was asked for does not
// exist there. Any other error says nothing about it.
func Refused(err error) bool {
	switch vpsie.KindOf(err) {
	case vpsie.Refused, vpsie.NotFound, vpsie.Invalid:
		return true
	}
	return false
}

// activePlaces are the datacenters to ask: those wanted that VPSie has, or all
// that are active. It needs the lock for reading.
func (s *Source) activePlaces(ctx context.Context, wanted []string) ([]string, error) {
	list, err := s.datacenters(ctx)
	if err != nil {
		return nil, err
	}
	var places []string
	for _, d := range list {
		if d.Active && (len(wanted) == 0 || slices.Contains(wanted, d.ID)) {
			places = append(places, d.ID)
		}
	}
	if len(places) == 0 {
		return nil, &vpsie.Error{Op: "Datacenters", Kind: vpsie.Invalid, Message: fmt.Sprintf(
			"VPSie has no active datacenter %s", cmp.Or(strings.Join(wanted, ", "), "at all"))}
	}
	slices.Sort(places)
	return places, nil
}
