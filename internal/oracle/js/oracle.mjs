// Reads questions from the standard input, one JSON object {ics | google, zone, from, to} a line, and answers each by a line
// {occurrences, problems}: what the calendar shows in [from, to). See the package's doc comment for what it takes as given.
import { createInterface } from "node:readline";
import { fromGoogle } from "./google.mjs";
import { readCalendars } from "./ics.mjs";
import { expand } from "./expand.mjs";

function answer(ask) {
  const text = ask.ics ?? fromGoogle(ask.google, ask.zone);
  const { families, problems } = readCalendars(text, ask.zone, ask.ics === undefined);
  return { occurrences: expand(families, Date.parse(ask.from), Date.parse(ask.to), problems), problems };
}

for await (const line of createInterface({ input: process.stdin })) {
  let out;
  try {
    out = answer(JSON.parse(line));
  } catch (e) {
    out = { error: e.stack };
  }
  process.stdout.write(JSON.stringify(out) + "\n");
}
