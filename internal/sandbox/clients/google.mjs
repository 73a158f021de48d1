// Google's clients against the Google sandbox: sign-in, Calendar, People, and what goes wrong. google_test.go lists every
// call with what it must return.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { calendar as calendarClient } from '@googleapis/calendar';
import { people as peopleClient } from '@googleapis/people';
import { JWT, UserRefreshClient } from 'google-auth-library';
import { call, control, env } from './calls.mjs';

const key = JSON.parse(readFileSync(env.keyFile));
const SCOPE = 'https://www.googleapis.com/auth/';
const jwt = (subject, scopes = [SCOPE + 'calendar', SCOPE + 'contacts'], more = {}) =>
  new JWT({ email: key.client_email, key: key.private_key, keyId: key.private_key_id, subject, scopes, ...more });
const alice = 'alice@acme.test';
const bob = 'bob@acme.test';
const calendarOf = (auth, options = { rootUrl: env.url + '/' }) => calendarClient({ version: 'v3', auth, ...options });
const peopleOf = (auth, options = { rootUrl: env.url + '/' }) => peopleClient({ version: 'v1', auth, ...options });
const data = (promise) => promise.then((res) => res.data);
const forget = () => fetch(env.url + '/.recorder'); // requests that are no call of the table

// What calls are given, and how answers are shortened to what the table asks of them.
const on = (day, hour = 10) => ({ dateTime: `2026-11-${day}T${hour}:00:00Z` });
const titles = (d) => ({ items: (d.items ?? []).map((e) => `${e.summary ?? e.id} ${e.status}`), next: !!d.nextPageToken, token: !!d.nextSyncToken });
const FIELDS = 'names,emailAddresses,phoneNumbers,metadata';
const named = (givenName) => ({ names: [{ givenName }] });
const whom = (d) => ({ people: (d.connections ?? []).map((p) => (p.metadata?.deleted ? 'deleted' : p.names?.[0]?.displayName)), total: d.totalItems, next: !!d.nextPageToken, token: !!d.nextSyncToken });

await signIn();
const me = jwt(alice);
await me.authorize();
const bobs = jwt(bob);
await bobs.authorize();
await forget();
const cal = calendarOf(me);
const book = peopleOf(me);
await calendars();
await events();
await sync();
await series();
await guests();
await push();
await contacts();
await batches();
await connections();

async function signIn() {
  const token = (auth) => auth.authorize().then((t) => ({ type: t.token_type, token: t.access_token, lasts: Math.round((t.expiry_date - Date.now()) / 60e3) }));
  await call('sign-in: for a user', () => token(jwt(alice)));
  await call('sign-in: unknown user', () => token(jwt('nobody@acme.test')));
  await call('sign-in: user of another domain', () => token(jwt('alice@example.com')));
  await call('sign-in: disabled user', () => token(jwt('left@acme.test')));
  await call('sign-in: no address', () => token(jwt('alice')));
  await call('sign-in: scope that is not delegated', () => token(jwt(alice, [SCOPE + 'drive'])));
  await call('sign-in: another key', () => token(jwt(alice, undefined, { key: readFileSync(env.otherKey, 'utf8'), keyId: undefined })));
  await call('sign-in: another account', () => token(jwt(alice, undefined, { email: 'other@repsync-sandbox.iam.gserviceaccount.com' })));
  await call('sign-in: at the client\'s own addresses', () => data(calendarOf(jwt(alice), {}).calendarList.get({ calendarId: 'primary' })));
  await call('sign-in: People at its own address', () => data(peopleOf(jwt(alice), {}).people.get({ resourceName: 'people/me', personFields: 'emailAddresses' })));
  const auth = jwt(alice, undefined, { forceRefreshOnFailure: true });
  await auth.authorize();
  await control('POST', '/expire', { what: 'google_tokens', user: alice });
  await forget();
  await call('sign-in: a revoked token, which the client keeps until it expires', () => data(calendarOf(auth).calendars.get({ calendarId: 'primary' })));
  await call('sign-in: a token that nobody gave', () => data(calendarOf(new UserRefreshClient({ credentials: { access_token: 'ya29.dead' } })).calendars.get({ calendarId: 'primary' })));
  await call('sign-in: without a token', () => data(calendarOf(undefined).calendars.get({ calendarId: 'primary' })));
  const given = await control('POST', '/token', { vendor: 'google', user: bob });
  const person = () => new UserRefreshClient({ clientId: env.clientId, clientSecret: env.clientSecret, refreshToken: given.refresh_token });
  await call('sign-in: refresh token', () => person().getAccessToken().then((t) => t.token));
  await call('sign-in: revoke', () => person().revokeToken(given.refresh_token).then((r) => r.status));
  await call('sign-in: revoked refresh token', () => person().getAccessToken());
  await call('sign-in: revoke again', () => person().revokeToken(given.refresh_token));
  await call('sign-in: unknown client', () => new UserRefreshClient({ clientId: 'nobody', clientSecret: 'x', refreshToken: given.refresh_token }).getAccessToken());
  const readonly = jwt(alice, [SCOPE + 'calendar.readonly']);
  await readonly.authorize();
  await forget();
  await call('sign-in: a scope too narrow', () => data(calendarOf(readonly).events.insert({ calendarId: 'primary', requestBody: { start: on('03'), end: on('03', 11) } })));
}

async function calendars() {
  await call('calendarList: list', () => data(cal.calendarList.list()));
  await call('calendarList: writers only', () => data(cal.calendarList.list({ minAccessRole: 'writer' })).then((d) => d.items.map((c) => c.accessRole)));
  await call('calendarList: get', () => data(cal.calendarList.get({ calendarId: env.shared })));
  await call('calendars: get', () => data(cal.calendars.get({ calendarId: 'primary' })));
  await call('calendars: not there', () => data(cal.calendars.get({ calendarId: 'nobody@acme.test' })));
}

async function events() {
  const E = { calendarId: 'primary' };
  const first = await call('events: insert', () => data(cal.events.insert({ ...E, requestBody: {
    summary: 'Review', description: 'Numbers', location: 'Room 1', start: { dateTime: '2026-11-03T10:00:00+01:00', timeZone: 'Europe/Berlin' },
    end: { dateTime: '2026-11-03T11:00:00+01:00', timeZone: 'Europe/Berlin' }, visibility: 'private', transparency: 'transparent',
    extendedProperties: { private: { repsync: 'k-1' } }, reminders: { useDefault: false, overrides: [{ method: 'popup', minutes: 5 }] } } })));
  await call('events: insert, all day', () => data(cal.events.insert({ ...E, requestBody: { summary: 'Fair', start: { date: '2026-11-04' }, end: { date: '2026-11-06' } } })));
  const own = { id: 'reps0001', summary: 'Own id', start: on('05'), end: on('05', 11) };
  await call('events: insert with an id', () => data(cal.events.insert({ ...E, requestBody: own })));
  await call('events: insert, id taken', () => data(cal.events.insert({ ...E, requestBody: own })));
  await call('events: insert, bad id', () => data(cal.events.insert({ ...E, requestBody: { ...own, id: 'Repsync-1' } })));
  await call('events: insert without an end', () => data(cal.events.insert({ ...E, requestBody: { start: on('05') } })));
  await call('events: insert, end before start', () => data(cal.events.insert({ ...E, requestBody: { start: on('05', 11), end: on('05') } })));
  await call('events: insert, bad time', () => data(cal.events.insert({ ...E, requestBody: { start: { dateTime: 'tomorrow' }, end: on('05') } })));
  await call('events: insert, unknown zone', () => data(cal.events.insert({ ...E, requestBody: { start: { dateTime: '2026-11-05T10:00:00', timeZone: 'Mars/Base' }, end: { dateTime: '2026-11-05T11:00:00', timeZone: 'Mars/Base' } } })));
  await call('events: insert, bad rule', () => data(cal.events.insert({ ...E, requestBody: { start: { ...own.start, timeZone: 'UTC' }, end: { ...own.end, timeZone: 'UTC' }, recurrence: ['RRULE:FREQ=SOMETIMES'] } })));
  await call('events: insert as a reader', () => data(cal.events.insert({ calendarId: env.shared, requestBody: { ...own, id: undefined } })));
  await call('events: get', () => data(cal.events.get({ ...E, eventId: first.id })));
  await call('events: get, some fields', () => data(cal.events.get({ ...E, eventId: first.id, fields: 'id,start/dateTime' })));
  await call('events: get, not modified', () => cal.events.get({ ...E, eventId: first.id }, { headers: { 'If-None-Match': first.etag } }).then((r) => r.status));
  await call('events: get, not there', () => data(cal.events.get({ ...E, eventId: 'nothing00' })));
  const patched = await call('events: patch', () => data(cal.events.patch({ ...E, eventId: first.id, requestBody: { location: null, summary: 'Review 2', extendedProperties: { private: { more: 'x' } } } })));
  await call('events: patch with an old etag', () => data(cal.events.patch({ ...E, eventId: first.id, requestBody: { summary: 'x' } }, { headers: { 'If-Match': first.etag } })));
  const updated = await call('events: update with the etag', () => data(cal.events.update({ ...E, eventId: first.id, requestBody: { summary: 'Replaced', start: on('03'), end: on('03', 11) } }, { headers: { 'If-Match': patched.etag } })));
  await call('events: update with an old etag', () => data(cal.events.update({ ...E, eventId: first.id, requestBody: { start: on('03'), end: on('03', 11) } }, { headers: { 'If-Match': patched.etag } })));
  await call('events: update without times', () => data(cal.events.update({ ...E, eventId: first.id, requestBody: { summary: 'x' } })));
  await call('events: update, not there', () => data(cal.events.update({ ...E, eventId: 'nothing00', requestBody: own })));
  await call('events: delete with an old etag', () => cal.events.delete({ ...E, eventId: first.id }, { headers: { 'If-Match': first.etag } }).then((r) => r.status));
  await call('events: delete', () => cal.events.delete({ ...E, eventId: first.id }, { headers: { 'If-Match': updated.etag } }).then((r) => r.status));
  await call('events: delete again', () => cal.events.delete({ ...E, eventId: first.id }).then((r) => r.status));
  await call('events: get a deleted one', () => data(cal.events.get({ ...E, eventId: first.id })));
  await call('events: delete, not there', () => cal.events.delete({ ...E, eventId: 'nothing00' }).then((r) => r.status));
  await cal.events.delete({ ...E, eventId: own.id });
  await forget();
  await call('events: insert, id of a deleted one', () => data(cal.events.insert({ ...E, requestBody: own })));
  await call('events: import', () => data(cal.events.import({ ...E, requestBody: { iCalUID: 'abc@elsewhere.test', summary: 'From elsewhere', start: on('06'), end: on('06', 11), organizer: { email: 'them@elsewhere.test' } } })));
  await call('events: import without a UID', () => data(cal.events.import({ ...E, requestBody: { start: on('06'), end: on('06', 11) } })));
  await call('events: move without a destination', () => data(cal.events.move({ ...E, eventId: 'reps0001', destination: '' })));
  await call('events: move to a calendar of others', () => data(cal.events.move({ ...E, eventId: 'reps0001', destination: env.shared })));
}

async function sync() {
  const E = { calendarId: 'primary' };
  for (const n of [1, 2, 3]) await cal.events.insert({ ...E, requestBody: { id: `diff000${n}`, summary: `Sync ${n}`, start: on('10'), end: on('10', 11), extendedProperties: { private: { repsync: `k-${n}` } } } });
  await forget();
  let page = await call('sync: first page', () => data(cal.events.list({ ...E, maxResults: 3 })));
  page = await call('sync: last page', () => data(cal.events.list({ ...E, maxResults: 3, pageToken: page.nextPageToken })));
  const token = page.nextSyncToken;
  await call('sync: nothing changed', () => data(cal.events.list({ ...E, syncToken: token })).then(titles));
  await cal.events.patch({ ...E, eventId: 'diff0001', requestBody: { summary: 'Changed' } });
  await cal.events.delete({ ...E, eventId: 'diff0002' });
  await forget();
  const changes = await call('sync: changes', () => data(cal.events.list({ ...E, syncToken: token })));
  await call('sync: the next token starts after them', () => data(cal.events.list({ ...E, syncToken: changes.nextSyncToken })).then(titles));
  await call('sync: all pages, by the client', async () => {
    const all = [];
    let pageToken;
    do {
      const d = await data(cal.events.list({ ...E, syncToken: token, maxResults: 1, pageToken }));
      all.push(titles(d));
      pageToken = d.nextPageToken;
    } while (pageToken);
    return all;
  });
  await call('list: deleted are left out', () => data(cal.events.list({ ...E, q: 'Sync' })).then(titles));
  await call('list: deleted too', () => data(cal.events.list({ ...E, showDeleted: true, updatedMin: new Date(Date.now() - 3600e3).toISOString() })).then((d) => d.items.filter((e) => e.id === 'diff0002').map((e) => e.status)));
  await call('list: by time', () => data(cal.events.list({ ...E, timeMin: '2026-11-10T00:00:00Z', timeMax: '2026-11-11T00:00:00Z', singleEvents: true, orderBy: 'startTime' })).then(titles));
  await call('list: by extended property', () => data(cal.events.list({ ...E, privateExtendedProperty: ['repsync=k-3'] })).then(titles));
  await call('sync: token with a restriction', () => data(cal.events.list({ ...E, syncToken: token, timeMin: '2026-01-01T00:00:00Z' })));
  await call('sync: token without deleted', () => data(cal.events.list({ ...E, syncToken: token, showDeleted: false })));
  await call('sync: token that nobody gave', () => data(cal.events.list({ ...E, syncToken: 'nonsense' })));
  await call('sync: page that nobody gave', () => data(cal.events.list({ ...E, pageToken: 'nonsense' })));
  await control('POST', '/expire', { what: 'google_calendar_tokens', user: alice });
  await call('sync: expired', () => data(cal.events.list({ ...E, syncToken: token })));
  await call('list: order without single events', () => data(cal.events.list({ ...E, orderBy: 'startTime' })));
  await call('list: empty time range', () => data(cal.events.list({ ...E, timeMin: '2026-11-10T00:00:00Z', timeMax: '2026-11-09T00:00:00Z' })));
  await call('list: bad time', () => data(cal.events.list({ ...E, timeMin: 'yesterday' })));
  await call('list: changes of long ago', () => data(cal.events.list({ ...E, updatedMin: '2020-01-01T00:00:00Z' })));
  await call('list: calendar that is not there', () => data(cal.events.list({ calendarId: 'nobody@acme.test' })));
}

async function series() {
  const E = { calendarId: 'primary' };
  await call('series: insert', () => data(cal.events.insert({ ...E, requestBody: { id: 'series01', summary: 'Weekly', recurrence: ['RRULE:FREQ=WEEKLY;COUNT=4'],
    start: { dateTime: '2026-10-20T09:00:00', timeZone: 'Europe/Berlin' }, end: { dateTime: '2026-10-20T10:00:00', timeZone: 'Europe/Berlin' } } })));
  await call('series: without a zone', () => data(cal.events.insert({ ...E, requestBody: { recurrence: ['RRULE:FREQ=WEEKLY'], start: on('03'), end: on('03', 11) } })));
  await call('series: instances', () => data(cal.events.instances({ ...E, eventId: 'series01' })).then((d) => d.items.map((e) => [e.id, e.start.dateTime, e.originalStartTime.dateTime, e.recurringEventId])));
  const second = 'series01_20261027T080000Z';
  await call('series: change one instance', () => data(cal.events.patch({ ...E, eventId: second, requestBody: { start: { dateTime: '2026-10-28T09:00:00+01:00' }, end: { dateTime: '2026-10-28T10:00:00+01:00' } } })));
  await call('series: delete one instance', () => cal.events.delete({ ...E, eventId: 'series01_20261103T080000Z' }).then((r) => r.status));
  await call('series: instances, deleted too', () => data(cal.events.instances({ ...E, eventId: 'series01', showDeleted: true })).then((d) => d.items.map((e) => `${e.id} ${e.status}`)));
  await call('series: one instance by its start', () => data(cal.events.instances({ ...E, eventId: 'series01', originalStart: '2026-10-27T09:00:00+01:00' })).then((d) => d.items.map((e) => e.start.dateTime)));
  await call('series: instances, page by page', () => data(cal.events.instances({ ...E, eventId: 'series01', maxResults: 2 })).then(titles));
  await call('series: masters and exceptions', () => data(cal.events.list({ ...E, q: 'Weekly' })).then((d) => d.items.map((e) => e.id)));
  await call('series: an instance that there is not', () => data(cal.events.get({ ...E, eventId: 'series01_20261028T080000Z' })));
  await call('series: instances of what is not there', () => data(cal.events.instances({ ...E, eventId: 'nothing00' })));
  await call('series: instances of a single event', () => data(cal.events.instances({ ...E, eventId: 'diff0001' })).then(titles));
}

async function guests() {
  const E = { calendarId: 'primary' };
  const meeting = await call('guests: invite', () => data(cal.events.insert({ ...E, sendUpdates: 'none', requestBody: { id: 'meeting01', summary: 'Together', start: on('12'), end: on('12', 11), attendees: [{ email: bob }] } })));
  const theirs = calendarOf(bobs);
  await call('guests: the guest\'s copy', () => data(theirs.events.get({ ...E, eventId: meeting.id })));
  await call('guests: the guest accepts', () => data(theirs.events.patch({ ...E, eventId: meeting.id, requestBody: { attendees: [{ email: bob, responseStatus: 'accepted' }] } })).then((d) => d.attendees.find((a) => a.self)));
  await call('guests: the organiser sees it', () => data(cal.events.get({ ...E, eventId: meeting.id })).then((d) => d.attendees));
  await call('guests: too few shown', () => data(cal.events.get({ ...E, eventId: meeting.id, maxAttendees: 0 })).then((d) => d.attendees.length));
  await call('guests: sendUpdates that is none', () => data(cal.events.patch({ ...E, eventId: meeting.id, sendUpdates: 'perhaps', requestBody: {} })));
  await call('guests: nobody was mailed', () => control('GET', '/mail'));
}

async function push() {
  const E = { calendarId: 'primary' };
  const inbox = [];
  let arrived = () => {};
  const hook = createServer((req, res) => {
    inbox.push(req.headers);
    res.end();
    arrived();
  });
  await new Promise((done) => hook.listen(0, '127.0.0.1', done));
  const message = async (n) => {
    while (inbox.length < n) await new Promise((done) => { arrived = done; });
    return Object.fromEntries(Object.entries(inbox[n - 1]).filter(([k]) => k.startsWith('x-goog') || k === 'content-length'));
  };
  const address = `http://127.0.0.1:${hook.address().port}/hook`;
  const requestBody = { id: 'channel-1', type: 'web_hook', address, token: 'secret', expiration: String(Date.now() + 3600e3) };
  const channel = await call('push: watch', () => data(cal.events.watch({ ...E, requestBody })));
  await call('push: sync message', () => message(1));
  await cal.events.patch({ ...E, eventId: 'diff0001', requestBody: { summary: 'Pushed' } });
  await forget();
  await call('push: exists message', () => message(2));
  await call('push: channel id taken', () => data(cal.events.watch({ ...E, requestBody })));
  await call('push: not over TLS', () => data(cal.events.watch({ ...E, requestBody: { ...requestBody, id: 'c2', address: 'http://example.com/hook' } })));
  await call('push: unknown type', () => data(cal.events.watch({ ...E, requestBody: { ...requestBody, id: 'c2', type: 'carrier_pigeon' } })));
  await call('push: bad channel id', () => data(cal.events.watch({ ...E, requestBody: { ...requestBody, id: 'a channel' } })));
  await call('push: calendar that is not there', () => data(cal.events.watch({ calendarId: 'nobody@acme.test', requestBody: { ...requestBody, id: 'c2' } })));
  await call('push: somebody else stops it', () => calendarOf(bobs).channels.stop({ requestBody: { id: channel.id, resourceId: channel.resourceId } }).then((r) => r.status));
  await call('push: stop', () => cal.channels.stop({ requestBody: { id: channel.id, resourceId: channel.resourceId } }).then((r) => r.status));
  await call('push: stop again', () => cal.channels.stop({ requestBody: { id: channel.id, resourceId: channel.resourceId } }).then((r) => r.status));
  hook.close();
  hook.closeAllConnections();
}

async function contacts() {
  const ada = await call('people: createContact', () => data(book.people.createContact({ personFields: FIELDS, requestBody: {
    names: [{ givenName: 'Ada', familyName: 'Lovelace' }], emailAddresses: [{ value: 'ada@example.com', type: 'work' }], phoneNumbers: [{ value: '+1 650-555-0100' }] } })));
  const resourceName = ada.resourceName;
  await call('people: get', () => data(book.people.get({ resourceName, personFields: 'names' })));
  await call('people: get without fields', () => data(book.people.get({ resourceName })));
  await call('people: get, unknown field', () => data(book.people.get({ resourceName, personFields: 'shoes' })));
  await call('people: get, not there', () => data(book.people.get({ resourceName: 'people/c999', personFields: 'names' })));
  await call('people: me', () => data(book.people.get({ resourceName: 'people/me', personFields: 'emailAddresses' })).then((p) => p.emailAddresses[0].value));
  await call('people: updateContact', () => data(book.people.updateContact({ resourceName, updatePersonFields: 'names', personFields: 'names,emailAddresses', requestBody: { etag: ada.etag, names: [{ givenName: 'Augusta', familyName: 'King' }] } })));
  await call('people: updateContact with an old etag', () => data(book.people.updateContact({ resourceName, updatePersonFields: 'names', requestBody: { etag: ada.etag, names: [{ givenName: 'x' }] } })));
  await call('people: updateContact without an etag', () => data(book.people.updateContact({ resourceName, updatePersonFields: 'names', requestBody: { names: [{ givenName: 'x' }] } })));
  await call('people: updateContact without a mask', () => data(book.people.updateContact({ resourceName, requestBody: { etag: ada.etag, names: [{ givenName: 'x' }] } })));
  await call('people: updateContact of what cannot be', () => data(book.people.updateContact({ resourceName, updatePersonFields: 'photos', requestBody: { etag: ada.etag } })));
  await call('people: two names', () => data(book.people.createContact({ requestBody: { names: [{ givenName: 'a' }, { givenName: 'b' }] } })));
  await call('people: a field of the wrong type', () => data(book.people.createContact({ requestBody: { names: [{ givenName: { a: 1 } }] } })));
  await call('people: an unknown field', () => data(book.people.createContact({ requestBody: { shoes: [{ size: 42 }] } })));
  await call('people: searchContacts, not warmed up', () => data(book.people.searchContacts({ query: 'Aug', readMask: 'names' })));
  await call('people: searchContacts, warm up', () => data(book.people.searchContacts({ query: '', readMask: 'names' })));
  await call('people: searchContacts', () => data(book.people.searchContacts({ query: 'Aug', readMask: 'names' })).then((d) => d.results.map((r) => r.person.names[0].displayName)));
  await call('people: deleteContact', () => data(book.people.deleteContact({ resourceName })));
  await call('people: deleteContact again', () => data(book.people.deleteContact({ resourceName })));
  await call('people: updateContact of a deleted one', () => data(book.people.updateContact({ resourceName, updatePersonFields: 'names', requestBody: { etag: ada.etag, names: [{ givenName: 'x' }] } })));
  await call('groups: list', () => data(book.contactGroups.list()).then((d) => d.contactGroups.slice(0, 1)));
  await call('groups: get', () => data(book.contactGroups.get({ resourceName: 'contactGroups/myContacts' })).then((g) => g.groupType));
  await call('groups: not there', () => data(book.contactGroups.get({ resourceName: 'contactGroups/nothing' })));
}

async function batches() {
  const made = await call('batch: create', () => data(book.people.batchCreateContacts({ requestBody: { contacts: ['B1', 'B2'].map((n) => ({ contactPerson: named(n) })), readMask: 'names,metadata' } })));
  const [b1, b2] = made.createdPeople.map((p) => p.person);
  await call('batch: create, one is bad', () => data(book.people.batchCreateContacts({ requestBody: { contacts: [{ contactPerson: named('B3') }, { contactPerson: { names: [{ givenName: 'a' }, { givenName: 'b' }] } }], readMask: 'names' } })));
  await call('batch: create nothing', () => data(book.people.batchCreateContacts({ requestBody: { contacts: [], readMask: 'names' } })));
  await call('batch: create 201', () => data(book.people.batchCreateContacts({ requestBody: { contacts: Array.from({ length: 201 }, (_, i) => ({ contactPerson: named(`N${i}`) })), readMask: 'names' } })));
  await call('batch: get', () => data(book.people.getBatchGet({ resourceNames: [b1.resourceName, 'people/c999'], personFields: 'names' })));
  await call('batch: get nothing', () => data(book.people.getBatchGet({ personFields: 'names' })));
  const update = (etags) => data(book.people.batchUpdateContacts({ requestBody: { contacts: Object.fromEntries([b1, b2].map((p, i) => [p.resourceName, { etag: etags[i], names: [{ givenName: `U${i + 1}` }] }])), updateMask: 'names', readMask: 'names' } }));
  const values = (d) => ({ updateResult: Object.values(d.updateResult).map((r) => ({ ...r, person: r.person.names[0].displayName })).sort((a, b) => (a.person < b.person ? -1 : 1)) });
  await call('batch: update', () => update([b1.etag, b2.etag]).then(values));
  await call('batch: update with old etags', () => update([b1.etag, b2.etag]));
  await call('batch: delete, one is not there', () => data(book.people.batchDeleteContacts({ requestBody: { resourceNames: [b1.resourceName, 'people/c999'] } })));
  await call('batch: delete', () => data(book.people.batchDeleteContacts({ requestBody: { resourceNames: [b1.resourceName, b2.resourceName] } })));
}

async function connections() {
  const L = { resourceName: 'people/me', personFields: 'names,metadata' };
  const made = await data(book.people.batchCreateContacts({ requestBody: { contacts: ['P1', 'P2', 'P3'].map((n) => ({ contactPerson: named(n) })), readMask: 'names,metadata' } }));
  const [p1, p2] = made.createdPeople.map((p) => p.person);
  await forget();
  const first = await call('connections: first page', () => data(book.people.connections.list({ ...L, pageSize: 2, requestSyncToken: true })));
  const last = await call('connections: last page', () => data(book.people.connections.list({ ...L, pageSize: 2, requestSyncToken: true, pageToken: first.nextPageToken })));
  const syncToken = last.nextSyncToken;
  await call('connections: nothing changed', () => data(book.people.connections.list({ ...L, pageSize: 2, requestSyncToken: true, syncToken })).then(whom));
  await book.people.updateContact({ resourceName: p1.resourceName, updatePersonFields: 'names', requestBody: { etag: p1.etag, ...named('P1 changed') } });
  await book.people.deleteContact({ resourceName: p2.resourceName });
  await forget();
  await call('connections: changes', () => data(book.people.connections.list({ ...L, pageSize: 2, requestSyncToken: true, syncToken })));
  await call('connections: sorted', () => data(book.people.connections.list({ ...L, sortOrder: 'FIRST_NAME_ASCENDING' })).then(whom));
  await call('connections: other parameters', () => data(book.people.connections.list({ ...L, personFields: 'names', pageSize: 2, requestSyncToken: true, syncToken })));
  await call('connections: token that nobody gave', () => data(book.people.connections.list({ ...L, syncToken: 'nonsense' })));
  await call('connections: page too large', () => data(book.people.connections.list({ ...L, pageSize: 1001 })));
  await call('connections: without fields', () => data(book.people.connections.list({ resourceName: 'people/me' })));
  await control('POST', '/expire', { what: 'google_sync_tokens', user: alice });
  await call('connections: expired', () => data(book.people.connections.list({ ...L, pageSize: 2, requestSyncToken: true, syncToken })));
  await call('connections: of somebody else', () => data(book.people.connections.list({ ...L, resourceName: 'people/c1' })));
}
