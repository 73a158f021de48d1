// Zones: wall times are numbers, milliseconds as if they were UTC; instants are milliseconds since 1970.
import ICAL from "ical.js";

const formats = new Map();

function format(name) {
  if (!formats.has(name)) {
    formats.set(name, new Intl.DateTimeFormat("en-US", {
      timeZone: name, hourCycle: "h23", era: "short",
      year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
    }));
  }
  return formats.get(name);
}

function utc(y, mo, d, h = 0, mi = 0, s = 0) {
  const t = new Date(0);
  t.setUTCFullYear(y, mo - 1, d);
  t.setUTCHours(h, mi, s, 0);
  return t.getTime();
}

// ianaZone is a zone of the IANA database, as node's own data has it; null when it has none of that name.
export function ianaZone(name) {
  if (/^(utc|z|gmt|etc\/utc)$/i.test(name)) return { name: "UTC", instant: (w) => w, wall: (i) => i };
  try {
    format(name);
  } catch {
    return null;
  }
  const wall = (instant) => {
    const p = {};
    for (const { type, value } of format(name).formatToParts(new Date(instant))) p[type] = value;
    return utc(p.era === "BC" ? 1 - p.year : +p.year, +p.month, +p.day, +p.hour, +p.minute, +p.second);
  };
  const offset = (instant) => wall(instant) - Math.floor(instant / 1000) * 1000;
  const day = 86400000;
  return {
    name, wall,
    // RFC 5545 section 3.3.5: the first of a repeated time, and a skipped one by the offset before the gap.
    instant(w) {
      const before = offset(w - 1.5 * day), after = offset(w + 1.5 * day);
      const fit = [before, after].map((o) => w - o).filter((i) => wall(i) === w);
      return fit.length > 0 ? Math.min(...fit) : w - before;
    },
  };
}

// fileZone is a zone as a VTIMEZONE describes it, by ical.js.
export function fileZone(component) {
  const zone = new ICAL.Timezone({ component, tzid: component.getFirstPropertyValue("tzid") });
  return {
    name: zone.tzid,
    instant: (w) => toTime(w, zone).toUnixTime() * 1000,
    wall: (i) => i + zone.utcOffset(toTime(i, zone)) * 1000,
  };
}

// toTime makes a time of ical.js of a wall time.
export function toTime(w, zone = ICAL.Timezone.utcTimezone, isDate = false) {
  const d = new Date(w);
  const t = new ICAL.Time({
    year: d.getUTCFullYear(), month: d.getUTCMonth() + 1, day: d.getUTCDate(),
    hour: d.getUTCHours(), minute: d.getUTCMinutes(), second: d.getUTCSeconds(), isDate,
  }, zone);
  return t;
}

// wallOf reads the wall time out of a time of ical.js, whatever its zone.
export function wallOf(t) {
  return t.isDate ? utc(t.year, t.month, t.day) : utc(t.year, t.month, t.day, t.hour, t.minute, t.second);
}
