package vpsie

import (
	"context"
	"net/url"
)

// PlanCategories returns the families of plans.
func (c *Client) PlanCategories(ctx context.Context) ([]PlanCategory, error) {
	l := list[PlanCategory]{
		request: request{operation: opPlanCategories}, certain: true,
		read: func(v value) PlanCategory {
			return PlanCategory{ID: v.field("identifier").identifier(), Name: v.field("name").text()}
		},
		key: func(p PlanCategory) string { return p.ID },
	}
	return l.all(ctx, c)
}

// Plans returns the plans of a category, an identifier, that a datacenter sells
// for an operating system image. A plan that is not in the list cannot be
// bought there; VPSie states no stock.
func (c *Client) Plans(ctx context.Context, datacenter, osImage, category string) ([]Plan, error) {
	if err := opPlans.identifiers("datacenter", datacenter, "osImage", osImage, "category", category); err != nil {
		return nil, err
	}
	l := list[Plan]{
		request: request{
			operation: opPlans,
			// VPSie's own caller sends the last three like this, and no other is known.
			form: url.Values{
				"dcIdentifier": {datacenter}, "osIdentifier": {osImage}, "planCatIdentifier": {category},
				"name": {"query"}, "description": {"query"}, "isCustom": {"0"},
			},
		},
		read: readPlan, key: func(p Plan) string { return p.ID },
	}
	return l.all(ctx, c)
}

func readPlan(v value) Plan {
	return Plan{
		ID:            v.field("identifier").identifier(),
		Name:          v.field("nickname").text(),
		CPU:           v.field("cpu").integer(),
		MemoryBytes:   v.field("ram").amount(mebibyte),
		DiskBytes:     v.field("ssd").amount(gibibyte),
		PricePerMonth: v.field("price").decimal(),
	}
}
