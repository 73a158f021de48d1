// Reads {ics | google, zone, from, to} from the standard input and prints {occurrences, problems}: what the calendar
// shows in [from, to). See the package's doc comment for what it takes as given.
import { fromGoogle } from "./google.mjs";
import { readCalendars } from "./ics.mjs";
import { expand } from "./expand.mjs";

let input = "";
for await (const chunk of process.stdin) input += chunk;
const ask = JSON.parse(input);
const text = ask.ics ?? fromGoogle(ask.google, ask.zone);
const { families, problems } = readCalendars(text, ask.zone, ask.ics === undefined);
const occurrences = expand(families, Date.parse(ask.from), Date.parse(ask.to), problems);
process.stdout.write(JSON.stringify({ occurrences, problems }));
