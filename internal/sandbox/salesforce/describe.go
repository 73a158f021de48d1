package salesforce

import (
	"fmt"
	"net/http"
	"slices"
)

// versions answers GET services/data, which needs no session.
func (s *Server) versions(method string) reply {
	if method != http.MethodGet && method != http.MethodHead {
		return refuse(errMethod(method, "HEAD,GET"))
	}
	list := []any{}
	for v := oldest; v <= newest; v++ {
		season := []string{"Winter", "Spring", "Summer"}[(v-50)%3]
		out := newOrdered()
		out.set("label", fmt.Sprintf("%s '%d", season, 21+(v-50)/3))
		out.set("url", fmt.Sprintf("/services/data/v%d.0", v))
		out.set("version", fmt.Sprintf("%d.0", v))
		list = append(list, out)
	}
	return ok(list)
}

// resources answers GET services/data/vNN.0.
func (c *call) resources() reply {
	out := map[string]string{}
	for _, name := range []string{"sobjects", "query", "queryAll", "limits", "composite"} {
		out[name] = "/services/data/v" + c.version + "/" + name
	}
	out["identity"] = fmt.Sprintf("%s/id/%s/%s", c.base, c.s.cfg.OrgID, c.actor.id)
	return ok(out)
}

// compositeResources answers GET composite. The vendor has "tree" besides.
func (c *call) compositeResources() reply {
	out := map[string]string{}
	for _, name := range []string{"batch", "sobjects", "graph"} {
		out[name] = "/services/data/v" + c.version + "/composite/" + name
	}
	return ok(out)
}

// limits answers GET limits, which takes "View Setup and Configuration".
func (c *call) limits() reply {
	if c.actor.noSetup {
		return refuse(fail("FORBIDDEN", "You do not have the permission to view the limits of this organization.").with(http.StatusForbidden))
	}
	limit := func(maximum, remaining int) map[string]int {
		return map[string]int{"Max": maximum, "Remaining": max(0, remaining)}
	}
	return ok(map[string]any{
		"DailyApiRequests":                  limit(c.s.cfg.DailyLimit, c.s.cfg.DailyLimit-c.s.used()),
		"DailyBulkApiBatches":               limit(15_000, 15_000),
		"DailyBulkV2QueryJobs":              limit(10_000, 10_000),
		"DailyAsyncApexExecutions":          limit(250_000, 250_000),
		"DailyStreamingApiEvents":           limit(10_000, 10_000),
		"DataStorageMB":                     limit(5, 5),
		"FileStorageMB":                     limit(20, 20),
		"HourlyTimeBasedWorkflow":           limit(1000, 1000),
		"SingleEmail":                       limit(15, 15),
		"MassEmail":                         limit(10, 10),
		"ConcurrentAsyncGetReportInstances": limit(200, 200),
	})
}

// summary is what describeGlobal, basic info and describe say of an object.
func (c *call) summary(o *Object) map[string]any {
	base := recordURL(c.version, o.Name, "")
	base = base[:len(base)-1]
	writable, may := !o.ReadOnly, c.s.objectAccess(c.actor, o)
	urls := map[string]string{"sobject": base, "describe": base + "/describe", "rowTemplate": base + "/{ID}"}
	return map[string]any{"activateable": false, "associateEntityType": nil, "associateParentEntity": nil, "createable": writable && may.Create, "custom": false,
		"customSetting": false, "deepCloneable": false, "deletable": writable && may.Delete, "deprecatedAndHidden": false, "feedEnabled": writable, "hasSubtypes": false,
		"isInterface": false, "isSubtype": false, "keyPrefix": nullable(o.Prefix), "label": o.Label, "labelPlural": o.Plural, "layoutable": writable,
		"mergeable": writable, "mruEnabled": writable, "name": o.Name, "queryable": true, "replicateable": o.field("SystemModstamp") != nil,
		"retrieveable": o.rows == nil, "searchable": writable, "triggerable": writable, "undeletable": writable, "updateable": writable && may.Edit, "urls": urls}
}

// describeGlobal answers GET sobjects.
func (c *call) describeGlobal() reply {
	list := []any{}
	for _, o := range c.s.objects {
		if !c.s.objectAccess(c.actor, o).Read {
			continue
		}
		list = append(list, c.summary(o))
	}
	return ok(map[string]any{"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": list})
}

// basicInfo answers GET sobjects/X.
func (c *call) basicInfo() reply {
	t := c.s.table(c.path[1])
	recent := []any{}
	return ok(map[string]any{"objectDescribe": c.summary(t.obj), "recentItems": recent})
}

// describe answers GET sobjects/X/describe with the fields that the caller may read.
func (c *call) describe() reply {
	o := c.s.table(c.path[1]).obj
	fields, children := []any{}, []any{}
	for _, f := range o.Fields {
		if a := c.s.fieldAccess(c.actor, o, f); a.Read {
			fields = append(fields, f.describe(a, !o.ReadOnly))
		}
	}
	for _, other := range c.s.objects {
		for _, f := range other.Fields {
			if slices.Contains(f.ReferenceTo, o.Name) && c.s.fieldAccess(c.actor, other, f).Read {
				children = append(children, map[string]any{"cascadeDelete": f.CascadeDelete, "childSObject": other.Name, "deprecatedAndHidden": false,
					"field": f.Name, "junctionIdListNames": []any{}, "junctionReferenceTo": []any{}, "relationshipName": nullable(f.ChildName), "restrictedDelete": false})
			}
		}
	}
	out := c.summary(o)
	out["fields"], out["childRelationships"] = fields, children
	out["actionOverrides"], out["namedLayoutInfos"], out["recordTypeInfos"], out["supportedScopes"] = []any{}, []any{}, []any{}, []any{}
	out["compactLayoutable"], out["searchLayoutable"], out["listviewable"], out["lookupLayoutable"], out["networkScopeFieldName"] = true, true, nil, nil, nil
	out["implementedBy"], out["implementsInterfaces"], out["extendedBy"], out["extendsInterfaces"], out["defaultImplementation"] = nil, nil, nil, nil, nil
	out["sobjectDescribeOption"] = "FULL"
	return ok(out)
}
