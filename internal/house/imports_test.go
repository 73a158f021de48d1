package house

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mayImport lists, for each part of the house, the parts of ours that its code outside tests may import directly, beside the
// packages that it lies under. A name ending in "/..." means everything under it. A part that is not listed may import anything that imports run towards.
var mayImport = map[string][]string{
	"internal/record":               {},
	"internal/keyring":              {"internal/record"},
	"internal/connector":            {"internal/record"}, // the contract
	"internal/connector/salesforce": {"internal/record", "internal/connector", "internal/connector/credential", "internal/connector/probe", "internal/connector/salesforce/...", "internal/planted"},
	"internal/connector/google":     {"internal/record", "internal/connector", "internal/connector/credential", "internal/connector/probe", "internal/connector/google/...", "internal/planted"},
	"internal/planner":              {"internal/record", "internal/connector", "internal/planted"},
	"internal/planted":              {}, // mistakes that the harness has to find
	"internal/policy":               {"internal/record", "internal/planner", "internal/connector", "internal/connector/salesforce/mapping"},
	"internal/store":                {"internal/record", "internal/connector", "internal/planner", "internal/policy", "internal/keyring", "internal/planted"},
	"internal/sandbox":              {"internal/sandbox/..."}, // a server that shares code with its client proves nothing
	"internal/demo/verify":          {"internal/demo/wire", "internal/demo/verify/..."},
	"internal/chaos/oracle":         {"internal/chaos/scenario", "internal/demo/wire"}, // it knows the laws, not the code
	"internal/doctor":               {"internal/record", "internal/connector", "internal/planner", "internal/policy", "internal/store", "internal/keyring"},
	"workflows":                     {"activities", "internal/record", "internal/planner", "internal/policy", "internal/planted"},
	"activities":                    {"internal/record", "internal/connector", "internal/planner", "internal/policy", "internal/series", "internal/store", "internal/keyring", "internal/planted"},
}

// alsoFor lists packages inside a part that have rules of their own: what tests are built from.
var alsoFor = map[string][]string{
	"internal/store/storetest":         {"internal/store", "internal/keyring", "internal/devstack/postgres", "internal/record", "internal/planner", "internal/connector"},
	"internal/connector/connectortest": {"internal/connector", "internal/record"},
}

// never lists what may not be reached at all, over any number of packages of ours.
var never = map[string][]string{
	"internal/demo/verify": {"internal/planner", "internal/connector", "internal/store", "internal/record", "internal/policy"},
	"internal/chaos/oracle": {
		"internal/planner", "internal/connector", "internal/store", "internal/record", "internal/policy", "internal/series", "internal/keyring",
		"internal/config", "internal/sandbox", "activities", "workflows",
	},
	"internal/planner": {"internal/store", "internal/config", "internal/devstack", "internal/sandbox", "activities", "workflows"},
	"internal/sandbox": {"internal/connector", "internal/planner", "internal/store", "internal/record"},
}

// rulesFor returns the longest entry of mayImport and alsoFor that pkg lies under.
func rulesFor(pkg string) (allowed []string, ok bool) {
	best := ""
	for _, rules := range []map[string][]string{mayImport, alsoFor} {
		for part, list := range rules {
			if inside(pkg, part) && len(part) > len(best) {
				best, allowed, ok = part, list, true
			}
		}
	}
	return allowed, ok
}

func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	for _, f := range source(t) {
		allowed, ok := rulesFor(f.pkg)
		if f.test || !ok {
			continue
		}
		for _, imported := range f.imports {
			ours, isOurs := strings.CutPrefix(imported, module)
			if !isOurs {
				continue
			}
			fits := inside(f.pkg, ours) || slices.ContainsFunc(allowed, func(a string) bool {
				if dir, all := strings.CutSuffix(a, "/..."); all {
					return inside(ours, dir)
				}
				return ours == a
			})
			require.True(t, fits, "%s imports %s; DESIGN's house allows %s only: %v", f.path, ours, f.pkg, allowed)
		}
	}
}

func TestWhatIsNeverReached(t *testing.T) {
	t.Parallel()
	direct := map[string]map[string]bool{}
	for _, f := range source(t) {
		if f.test {
			continue
		}
		if direct[f.pkg] == nil {
			direct[f.pkg] = map[string]bool{}
		}
		for _, imported := range f.imports {
			if ours, ok := strings.CutPrefix(imported, module); ok {
				direct[f.pkg][ours] = true
			}
		}
	}
	for part, forbidden := range never {
		for _, pkg := range slices.Sorted(maps.Keys(direct)) {
			if !inside(pkg, part) {
				continue
			}
			for reached, chain := range reach(direct, pkg) {
				for _, no := range forbidden {
					require.False(t, inside(reached, no) && !inside(reached, part), "%s must not reach %s, and does: %s", pkg, no, strings.Join(chain, " → "))
				}
			}
		}
	}
}

// reach returns every package that from imports, over any number of steps, with the shortest way there.
func reach(direct map[string]map[string]bool, from string) map[string][]string {
	found := map[string][]string{}
	queue := [][]string{{from}}
	for len(queue) > 0 {
		chain := queue[0]
		queue = queue[1:]
		for next := range direct[chain[len(chain)-1]] {
			if found[next] == nil {
				found[next] = append(slices.Clone(chain), next)
				queue = append(queue, found[next])
			}
		}
	}
	return found
}

// vendorSDKs are the modules that speak a vendor's API.
var vendorSDKs = []string{"google.golang.org/api", "github.com/microsoftgraph", "github.com/emersion/go-webdav"}

func TestVendorSDKsStayWithTheirConnector(t *testing.T) {
	t.Parallel()
	for _, f := range source(t) {
		if f.test || (inside(f.pkg, "internal/connector") && f.pkg != "internal/connector") {
			continue // a sandbox's tests use the vendor's own client on purpose
		}
		for _, imported := range f.imports {
			for _, sdk := range vendorSDKs {
				require.False(t, inside(imported, sdk), "%s imports %s; vendors' SDKs appear only under internal/connector/<vendor>", f.path, imported)
			}
		}
	}
}

func TestPurePackagesDoNoIO(t *testing.T) {
	t.Parallel()
	for _, f := range source(t) {
		if f.test || (f.pkg != "internal/record" && f.pkg != "internal/planner") {
			continue
		}
		for _, imported := range f.imports {
			for _, no := range []string{"net", "os", "database/sql", "log", "log/slog", "github.com/jackc/pgx"} {
				require.False(t, imported == no || (no != "os" && no != "net" && no != "log" && inside(imported, no)) || imported == "net/http",
					"%s imports %s; %s is pure", f.path, imported, f.pkg)
			}
		}
	}
}

// TestLibrariesAreDecided holds that every module that our code imports has its reason in the decision record.
func TestLibrariesAreDecided(t *testing.T) {
	t.Parallel()
	var modules []string
	for line := range strings.Lines(read(t, "go.mod")) {
		f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(f) >= 2 && strings.Contains(f[0], ".") && strings.HasPrefix(f[1], "v") {
			modules = append(modules, f[0])
		}
	}
	used := map[string]string{}
	for _, f := range source(t) {
		for _, imported := range f.imports {
			best := ""
			for _, m := range modules {
				if inside(imported, m) && len(m) > len(best) {
					best = m
				}
			}
			if best != "" {
				used[best] = f.path
			}
		}
	}
	require.NotEmpty(t, used)
	const record = "docs/decisions/0001-libraries.md"
	decided := read(t, record)
	for _, m := range slices.Sorted(maps.Keys(used)) {
		require.Contains(t, decided, "`"+m+"`", "%s imports %s, and %s does not say why; a dependency must earn its place", used[m], m, record)
	}
}
