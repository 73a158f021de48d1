// Writes events as Google Calendar lists them (singleEvents=false) as .ics text.
import { ianaZone } from "./zone.mjs";

const fold = (t) => t.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/[,;]/g, "\\$&");

// when writes an EventDateTime as a property: a date, a local time with its zone, or UTC.
function when(name, t, zoneName) {
  if (t.date) return `${name};VALUE=DATE:${t.date.replace(/-/g, "")}`;
  const zone = ianaZone(t.timeZone ?? zoneName);
  if (!zone) throw new Error("the zone of an event is not known");
  const local = !/(Z|[+-]\d\d:\d\d)$/.test(t.dateTime);
  const instant = local ? zone.instant(Date.parse(t.dateTime + "Z")) : Date.parse(t.dateTime);
  const text = (ms) => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, "");
  const wall = zone.wall(instant);
  // The second half of a repeated hour has no local name: only UTC says it.
  if (zone.name === "UTC" || zone.instant(wall) !== instant) return `${name}:${text(instant)}`;
  return `${name};TZID=${zone.name}:${text(wall).slice(0, -1)}`;
}

export function fromGoogle(events, zoneName) {
  const lines = ["BEGIN:VCALENDAR", "VERSION:2.0"];
  for (const e of events) {
    const changed = e.recurringEventId ?? (e.originalStartTime ? masterOf(e, events) : null);
    if (e.status === "cancelled" && !changed) continue; // a deleted event
    if (e.status === "cancelled" && events.some((m) => m.id === changed && !m.recurrence)) continue; // its series is one event now
    lines.push("BEGIN:VEVENT", `UID:${fold(changed ?? e.id ?? e.iCalUID)}`);
    if (e.iCalUID) lines.push(`X-ICALUID:${fold(e.iCalUID)}`);
    if (e.status) lines.push(`STATUS:${e.status.toUpperCase()}`);
    if (e.summary) lines.push(`SUMMARY:${fold(e.summary)}`);
    lines.push(when("DTSTART", e.start ?? e.originalStartTime, zoneName));
    if (e.end) lines.push(when("DTEND", e.end, zoneName));
    if (changed) lines.push(when("RECURRENCE-ID", e.originalStartTime, zoneName));
    else lines.push(...(e.recurrence ?? []));
    lines.push("END:VEVENT");
  }
  return [...lines, "END:VCALENDAR", ""].join("\r\n");
}

// masterOf finds the series of a body that is to be imported and has no recurringEventId yet.
function masterOf(e, events) {
  const master = events.find((m) => m.iCalUID === e.iCalUID && !m.originalStartTime && m.recurrence);
  return master?.id ?? e.iCalUID;
}
