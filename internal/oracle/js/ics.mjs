// Reads .ics text: families of events by UID, each with its times understood. What cannot be is a problem.
import ICAL from "ical.js";
import { fileZone, ianaZone, wallOf } from "./zone.mjs";

// repair unfolds the text and mends what stops ical.js from reading a whole file: lines without a colon, an END under
// another name, dates without VALUE=DATE, properties without a value.
function repair(text) {
  const out = [], open = [];
  for (const line of text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n").replace(/\n[ \t]/g, "").split("\n")) {
    const begin = /^BEGIN:(.*)$/i.exec(line), end = /^END:(.*)$/i.exec(line);
    if (begin) {
      open.push(begin[1].trim().toUpperCase());
      out.push("BEGIN:" + open.at(-1));
    } else if (end) {
      if (open.length > 0) out.push("END:" + open.pop());
    } else if (/^[^:]*:\s*$/.test(line) || !/^[A-Za-z0-9-]+[;:]/.test(line) || !line.includes(":")) {
      continue;
    } else {
      out.push(line.replace(/^((?:DTSTART|DTEND|RECURRENCE-ID|RDATE|EXDATE)[^:]*):(\d{8}(?:,\d{8})*)\s*$/i,
        (all, head, value) => (/VALUE=DATE/i.test(head) ? head : head.replace(/;VALUE=[^;]*/i, "") + ";VALUE=DATE") + ":" + value));
    }
  }
  while (open.length > 0) out.push("END:" + open.pop());
  return out;
}

// blocks cuts the lines of one kind of component out of a calendar, each with all that it holds.
function blocks(lines, kind) {
  const out = [];
  let depth = 0, block = null;
  for (const line of lines) {
    if (line.startsWith("BEGIN:")) {
      if (block === null && line === "BEGIN:" + kind) [block, depth] = [[], 0];
      depth++;
    }
    block?.push(line);
    if (line.startsWith("END:") && --depth === 0 && block !== null) {
      out.push(block);
      block = null;
    }
  }
  return out;
}

export function readCalendars(text, zoneName, byGoogle) {
  const problems = [], families = new Map();
  let anonymous = 0;
  for (const calendar of blocks(repair(text), "VCALENDAR")) {
    const own = calendar.find((l) => /^X-WR-TIMEZONE/i.test(l))?.replace(/^[^:]*:/, "").trim();
    const known = new Map();
    for (const b of blocks(calendar, "VTIMEZONE")) {
      try {
        const c = new ICAL.Component(ICAL.parse(b.join("\r\n")));
        known.set(c.getFirstPropertyValue("tzid"), fileZone(c));
      } catch (e) {
        problems.push(`a VTIMEZONE: ${e.message}`);
      }
    }
    const find = (id) => ianaZone(id) ?? known.get(id) ?? ianaZone(id.split("/").slice(-2).join("/"));
    const floating = (own && find(own)) || ianaZone(zoneName);
    for (const b of blocks(calendar, "VEVENT")) {
      try {
        const e = readEvent(new ICAL.Component(ICAL.parse(b.join("\r\n"))), find, floating);
        const uid = e.uid ?? `without UID ${++anonymous}`;
        if (!families.has(uid)) families.set(uid, { master: null, changed: new Map(), byGoogle });
        const f = families.get(uid);
        if (e.slot === null) {
          f.master = later(f.master, e);
        } else {
          const key = String(e.slot.at);
          f.changed.set(key, later(f.changed.get(key) ?? null, e));
        }
      } catch (e) {
        problems.push(`an event: ${e.message}`);
      }
    }
  }
  return { families, problems };
}

// later picks the copy that counts: by SEQUENCE, then by when it was changed, then by its place.
function later(a, b) {
  if (a === null) return b;
  for (const k of ["sequence", "modified", "stamp"]) {
    if (a[k] !== b[k]) return a[k] > b[k] ? a : b;
  }
  return b;
}

// moment places one value of ical.js: at is a date's midnight, as if it were UTC, or an instant.
function moment(t, property, find, floating) {
  if (Number.isNaN(wallOf(t))) throw new Error("a time cannot be read");
  if (t.isDate) return { date: true, at: wallOf(t), wall: wallOf(t), zone: null };
  let zone = floating;
  const id = property?.getParameter("tzid");
  if (t.zone === ICAL.Timezone.utcTimezone) zone = ianaZone("UTC");
  else if (id) zone = find(id);
  if (!zone) throw new Error("the zone is not known");
  const at = zone.instant(wallOf(t));
  return { date: false, at, wall: zone.wall(at), zone };
}

function readEvent(c, find, floating) {
  const read = (name) => {
    const p = c.getFirstProperty(name);
    return p ? moment(p.getFirstValue(), p, find, floating) : null;
  };
  const start = read("dtstart");
  if (!start) throw new Error("no DTSTART");
  const end = read("dtend"), duration = c.getFirstPropertyValue("duration");
  if (end && end.date !== start.date) throw new Error("a date and a time");
  if (start.date && !end && duration && duration.toSeconds() % 86400 !== 0) throw new Error("a day with hours");
  let length = { exact: start.date ? 86400000 : 0, days: 0 };
  if (end) length = { exact: end.at - start.at, days: 0 };
  else if (duration) {
    const days = duration.weeks * 7 + duration.days;
    length = { exact: duration.toSeconds() * 1000 - days * 86400000, days };
  }
  if (start.date && length.exact === 0 && length.days === 0) length.exact = 86400000; // a day that ends on itself
  if (length.exact < 0 || duration?.isNegative) throw new Error("ends before it starts");
  let slot = read("recurrence-id");
  if (c.getFirstProperty("recurrence-id")?.getParameter("range")) throw new Error("this and following");
  return {
    component: c, start, length, slot, find, floating,
    uid: c.getFirstPropertyValue("uid"), shownUID: c.getFirstPropertyValue("x-icaluid") ?? c.getFirstPropertyValue("uid"),
    summary: c.getFirstPropertyValue("summary") ?? "",
    cancelled: String(c.getFirstPropertyValue("status")).toUpperCase() === "CANCELLED",
    sequence: Number(c.getFirstPropertyValue("sequence") ?? 0),
    modified: String(c.getFirstPropertyValue("last-modified") ?? ""), stamp: String(c.getFirstPropertyValue("dtstamp") ?? ""),
    dates: (name) => c.getAllProperties(name).flatMap((p) => p.getValues().map((v) => dateOf(v, p, find, floating))),
    rules: (name) => c.getAllProperties(name).map((p) => p.getFirstValue()),
  };
}

function dateOf(value, property, find, floating) {
  if (!(value instanceof ICAL.Period)) return { ...moment(value, property, find, floating), length: null };
  const start = moment(value.start, property, find, floating);
  const exact = value.end ? moment(value.end, property, find, floating).at - start.at : value.duration.toSeconds() * 1000;
  return { ...start, length: { exact, days: 0 } };
}
