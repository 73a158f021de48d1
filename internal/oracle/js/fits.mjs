// Checks what ical.js 2.2.1 says against the plain words of a rule. It is known to err in three ways: the first occurrence
// of a rule with BYSETPOS is any of its days, a 29 February that a year lacks begins as 1 March, and in BYDAY=20MO it sees
// no more than the weekday.
const weekdays = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"], day = 86400000;

export function fits(rule, wall) {
  if (!fitsDay(rule, wall)) return false;
  const { BYSETPOS, BYDAY, BYMONTHDAY, BYHOUR, BYMINUTE, BYSECOND } = rule.parts;
  const monthly = rule.freq === "MONTHLY";
  if (!BYSETPOS || !(BYDAY || BYMONTHDAY) || BYHOUR || BYMINUTE || BYSECOND || !(monthly || rule.freq === "YEARLY")) return true;
  const d = new Date(wall), all = [];
  const first = Date.UTC(d.getUTCFullYear(), monthly ? d.getUTCMonth() : 0, 1);
  const end = Date.UTC(d.getUTCFullYear() + (monthly ? 0 : 1), monthly ? d.getUTCMonth() + 1 : 0, 1);
  for (let t = first; t < end; t += day) if (fitsDay(rule, t)) all.push(t);
  const at = all.indexOf(Math.floor(wall / day) * day);
  return BYSETPOS.some((p) => Number(p) === at + 1 || Number(p) === at - all.length);
}

function fitsDay(rule, wall) {
  const { BYMONTH, BYMONTHDAY, BYDAY } = rule.parts, d = new Date(wall);
  const year = d.getUTCFullYear(), month = d.getUTCMonth(), of = d.getUTCDate();
  const days = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  if (BYMONTH && !BYMONTH.some((m) => Number(m) === month + 1)) return false;
  if (BYMONTHDAY && !BYMONTHDAY.some((m) => Number(m) === of || Number(m) === of - days - 1)) return false;
  if (!BYDAY) return true;
  const inYear = rule.freq === "YEARLY" && !BYMONTH;
  const nth = inYear ? Math.floor((Math.floor(wall / day) * day - Date.UTC(year, 0, 1)) / day) + 1 : of;
  const whole = inYear ? (Date.UTC(year + 1, 0, 1) - Date.UTC(year, 0, 1)) / day : days;
  return BYDAY.some((text) => {
    const [, n, name] = /^([+-]?\d+)?([A-Z]{2})$/.exec(String(text));
    if (weekdays[d.getUTCDay()] !== name) return false;
    return !n || Number(n) === Math.ceil(nth / 7) || Number(n) === -Math.ceil((whole - nth + 1) / 7);
  });
}
