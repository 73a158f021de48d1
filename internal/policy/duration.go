package policy

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// durationPattern is what a duration looks like: whole numbers, each with its unit. Go's own form knows no days, which
// are what people count windows in; a day is 24 hours.
const durationPattern = `^([0-9]{1,6}[dhms])+$`

var (
	durationForm = regexp.MustCompile(durationPattern)
	durationPart = regexp.MustCompile(`([0-9]+)([dhms])`)
	units        = map[string]time.Duration{"d": day, "h": time.Hour, "m": time.Minute, "s": time.Second}
)

func parseDuration(s string) (time.Duration, error) {
	if !durationForm.MatchString(s) {
		return 0, errors.New("not a duration")
	}
	var total time.Duration
	for _, part := range durationPart.FindAllStringSubmatch(s, -1) {
		n, err := strconv.Atoi(part[1])
		if err != nil {
			return 0, err
		}
		d := time.Duration(n) * units[part[2]]
		if d/units[part[2]] != time.Duration(n) || total+d < total {
			return math.MaxInt64, nil // longer than any bound
		}
		total += d
	}
	return total, nil
}

// formatDuration writes a duration of whole seconds in the form that parseDuration reads.
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var out strings.Builder
	for _, unit := range []string{"d", "h", "m", "s"} {
		if n := d / units[unit]; n > 0 {
			fmt.Fprintf(&out, "%d%s", n, unit)
			d %= units[unit]
		}
	}
	return out.String()
}
