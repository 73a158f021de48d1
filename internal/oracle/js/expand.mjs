// Expands families of events: rules by ical.js, in wall time; all else by instants and dates.
import ICAL from "ical.js";
import { fits } from "./fits.mjs";
import { toTime, wallOf } from "./zone.mjs";

const day = 86400000, most = 400000;

export function expand(families, from, to, problems) {
  const out = [];
  const show = (e, start, length) => {
    const end = endOf(e, start, length);
    if (start < to && (end > from || (start === end && start >= from))) {
      const text = (t) => (e.start.date ? new Date(t).toISOString().slice(0, 10) : new Date(t).toISOString());
      out.push({ uid: e.shownUID ?? "", summary: e.summary, start: text(start), end: text(end), date: e.start.date });
    }
  };
  for (const [, { master, changed, byGoogle }] of families) {
    let set = new Map();
    if (master && !master.cancelled) {
      try {
        set = occurrences(master, to);
      } catch (e) {
        problems.push(`a rule: ${e.message}`);
        continue;
      }
    }
    const taken = new Set();
    for (const e of changed.values()) {
      let at = e.slot.at;
      if (master?.start.date && !e.slot.date && e.slot.wall % day === 0) at = e.slot.wall; // a changed day, named by its midnight
      // An occurrence after the period is not in the set, and may have been moved into it.
      const belongs = master && !master.cancelled && (set.has(at) || (at >= to && occurrences(master, at + 2 * day).has(at)));
      taken.add(at);
      if (!belongs && !byGoogle) {
        problems.push("a changed occurrence where there is none");
      } else if (!e.cancelled) {
        show(e, e.start.at, e.length);
      }
    }
    for (const [at, length] of set) {
      if (!taken.has(at)) show(master, at, length);
    }
  }
  return out;
}

function endOf(e, start, length) {
  if (length.days === 0) return start + length.exact;
  if (e.start.date) return start + length.days * day + length.exact;
  return e.start.zone.instant(e.start.zone.wall(start) + length.days * day) + length.exact;
}

// occurrences returns the set of starts before to: instants, or dates as midnights of UTC, each with its length.
function occurrences(e, to) {
  const place = (wall) => (e.start.date ? wall : e.start.zone.instant(wall));
  const set = new Map();
  const rules = e.rules("rrule"), extra = e.dates("rdate");
  let alive = rules.length === 0 || extra.length > 0;
  for (const rule of rules) {
    alive ||= within(e, rule, e.start.wall);
    for (const wall of walls(e, rule, to)) set.set(place(wall), e.length);
  }
  if (alive) set.set(e.start.at, e.length); // DTSTART is an occurrence, also beside its rule
  for (const r of extra) {
    const at = e.start.date ? Math.floor(r.wall / day) * day : r.at;
    const length = r.length ?? e.length;
    if (!set.has(at) || set.get(at).exact < length.exact) set.set(at, length);
  }
  for (const x of e.dates("exdate")) {
    if (e.start.date) set.delete(Math.floor(x.wall / day) * day);
    else if (!x.date) set.delete(x.at);
    else for (const at of [...set.keys()]) if (Math.floor(e.start.zone.wall(at) / day) * day === x.wall) set.delete(at);
  }
  for (const rule of e.rules("exrule")) {
    const r = typeof rule === "string" ? ICAL.Recur.fromString(rule) : rule;
    for (const wall of walls(e, r, to)) set.delete(place(wall));
  }
  return set;
}

// walls iterates a rule in wall time. UNTIL is for within to decide, and COUNT is counted here, since ical.js's first
// occurrence is not always one (see fits).
function* walls(e, rule, to) {
  const free = rule.clone();
  free.until = free.count = null;
  const iterator = free.iterator(toTime(e.start.wall, ICAL.Timezone.utcTimezone, e.start.date));
  let last = null, count = 0;
  for (let i = 0, t = iterator.next(); t; i++, t = iterator.next()) {
    const wall = wallOf(t);
    if (wall > to + 2 * day || !within(e, rule, wall)) return;
    if (i > most) throw new Error("too many occurrences");
    if (wall === last || !fits(rule, wall)) continue;
    if (rule.count && ++count > rule.count) return;
    yield wall;
    last = wall;
  }
}

// within says whether a wall time is not after UNTIL: of dates by the date, a date as the whole day, UTC as an instant,
// without zone as wall time.
function within(e, rule, wall) {
  const u = rule.until;
  if (!u) return true;
  if (e.start.date) return wall <= Math.floor(wallOf(u) / day) * day;
  if (u.isDate) return wall < wallOf(u) + day;
  if (u.zone === ICAL.Timezone.utcTimezone) return e.start.zone.instant(wall) <= wallOf(u);
  return wall <= wallOf(u);
}
