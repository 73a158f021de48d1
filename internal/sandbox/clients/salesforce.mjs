// jsforce against the Salesforce sandbox: sign-in, queries, rows, collections, composites, metadata, and what goes wrong.
// salesforce_test.go lists every call with what it must return.
import { createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import jsforce from 'jsforce';
import { call, control, env } from './calls.mjs';

const app = { loginUrl: env.url, clientId: env.clientId, clientSecret: env.clientSecret };
const connection = (oauth2 = app) => new jsforce.Connection({ oauth2, version: '66.0' });
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

// assertion is the JWT of the bearer flow, which jsforce leaves to its user to sign.
function assertion(claims = {}, key = readFileSync(env.keyFile)) {
  const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 180;
  const text = part({ alg: 'RS256' }) + '.' + part({ iss: env.clientId, sub: env.username, aud: 'https://login.salesforce.com', exp, ...claims });
  return text + '.' + createSign('RSA-SHA256').update(text).sign(key, 'base64url');
}
const bearer = (a) => connection({ loginUrl: env.url }).authorize({ grant_type: GRANT, assertion: a });

await signIn();
const conn = connection();
await conn.login(env.username, env.password);
await fetch(env.url + '/.recorder'); // a sign-in that is no call of the table
const contacts = conn.sobject('Contact');
const post = (path, body, headers) => conn.request({ method: 'POST', url: path, body: typeof body === 'string' ? body : JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });
const mark = Date.now();
let ada; // the contact that most calls are about
await session();
await metadata();
await rows();
await upserts();
await queries();
await collections();
await composites();
await events();
await refusals();
await replication();
await endings();

async function signIn() {
  await call('oauth: username and password', () => connection().login(env.username, env.password));
  await call('oauth: wrong password', () => connection().login(env.username, 'guess'));
  await call('oauth: unknown user', () => connection().login('nobody@acme.test', env.password));
  await call('oauth: unknown client', () => connection({ ...app, clientId: '3MVG9unknown' }).login(env.username, env.password));
  await call('oauth: wrong client secret', () => connection({ ...app, clientSecret: 'guess' }).login(env.username, env.password));
  await call('oauth: inactive user', () => connection().login(env.inactive, env.password));
  await call('oauth: JWT bearer', () => bearer(assertion()));
  await call('oauth: JWT for the instance', () => bearer(assertion({ aud: env.url })));
  await call('oauth: JWT expired', () => bearer(assertion({ exp: Math.floor(Date.now() / 1000) - 60 })));
  await call('oauth: JWT for another audience', () => bearer(assertion({ aud: 'https://example.com' })));
  await call('oauth: JWT of an unknown user', () => bearer(assertion({ sub: 'nobody@acme.test' })));
  await call('oauth: JWT of an unknown client', () => bearer(assertion({ iss: '3MVG9unknown' })));
  await call('oauth: JWT with another key', () => bearer(assertion({}, readFileSync(env.otherKey))));
  await call('oauth: a code that nobody gave', () => connection({ ...app, redirectUri: 'https://example.com/' }).authorize('aPrx'));
  await call('oauth: refresh token that nobody gave', () => connection().oauth2.refreshToken('5Aep861'));
  await call('oauth: unknown grant', () => connection().authorize({ grant_type: 'magic' }));
}

async function session() {
  await call('session: identity', () => conn.identity());
  await call('session: identity of somebody else', () => conn.request(`${env.url}/id/${conn.userInfo.organizationId}/005000000000999AAA`));
  await call('session: identity in another org', () => conn.request(`${env.url}/id/00D000000000999AAA/${conn.userInfo.id}`));
  await call('session: identity without a token', () => new jsforce.Connection({ instanceUrl: env.url }).request(conn.userInfo.url));
  await call('session: identity with a bad token', () => new jsforce.Connection({ instanceUrl: env.url, accessToken: '00D!AQ' }).request('/services/oauth2/userinfo'));
  await call('session: userinfo', () => conn.request('/services/oauth2/userinfo'));
  await call('session: versions', async () => (await conn.request('/services/data')).slice(-1));
  await call('session: resources', () => conn.request(env.url + '/services/data/v66.0'));
  await call('session: limits', () => conn.limits());
  await call('session: API usage', async () => { await conn.limits(); return conn.limitInfo; });
  await control('POST', '/expire', { what: 'salesforce_sessions' });
  await call('session: jsforce signs in again', () => conn.query('SELECT Id FROM Profile WHERE Name = \'System Administrator\''));
  await call('session: a token that nobody gave', () => new jsforce.Connection({ instanceUrl: env.url, accessToken: '00D!AQ', version: '66.0' }).query('SELECT Id FROM Contact'));
  await call('session: an API version that is not there', () => new jsforce.Connection({ instanceUrl: env.url, accessToken: conn.accessToken, version: '12.0' }).query('SELECT Id FROM Contact'));
}

async function metadata() {
  await call('describe: all objects', async () => {
    const d = await conn.describeGlobal();
    return { ...d, sobjects: d.sobjects.filter((o) => o.name === 'Contact') };
  });
  await call('describe: Contact', async () => {
    const d = await contacts.describe();
    return { ...d, fields: d.fields.filter((f) => ['LastName', 'Repsync_Key__c', 'AccountId', 'MailingAddress'].includes(f.name)), childRelationships: d.childRelationships.filter((c) => c.childSObject === 'Contact') };
  });
  await call('describe: cached', () => contacts.describe$().then((d) => d.name));
  await call('describe: unknown object', () => conn.describe('Nope'));
}

async function rows() {
  const made = await call('create', () => contacts.create({ FirstName: 'Ada', LastName: 'Lovelace', Email: 'ada@example.com', Birthdate: '1815-12-10', DoNotCall: true, MailingCity: 'London' }));
  ada = made.id;
  await call('retrieve', () => contacts.retrieve(ada));
  await call('retrieve: some fields', () => conn.retrieve('Contact', ada, { fields: ['LastName', 'Birthdate'] }));
  await call('retrieve: 15 characters', () => conn.retrieve('Contact', ada.slice(0, 15), { fields: ['Id'] }));
  await call('update', () => contacts.update({ Id: ada, Title: 'Countess', MailingCity: null }));
  await call('retrieve: after the update', () => conn.retrieve('Contact', ada, { fields: ['Title', 'MailingCity', 'MailingAddress'] }));
  await call('update: unmodified since long ago', () => contacts.update({ Id: ada, Title: 'x' }, { headers: { 'If-Unmodified-Since': 'Thu, 01 Jan 2015 00:00:00 GMT' } }));
  const gone = await contacts.create({ LastName: 'Gone' });
  await fetch(env.url + '/.recorder');
  await call('destroy', () => contacts.destroy(gone.id));
  await call('destroy: again', () => contacts.destroy(gone.id));
  await call('retrieve: deleted', () => contacts.retrieve(gone.id));
  await call('update: deleted', () => contacts.update({ Id: gone.id, LastName: 'Back' }));
}

async function upserts() {
  await call('upsert: creates', () => contacts.upsert({ Repsync_Key__c: 'k-1', LastName: 'Key' }, 'Repsync_Key__c'));
  await call('upsert: updates', () => contacts.upsert({ Repsync_Key__c: 'k-1', LastName: 'Keys' }, 'Repsync_Key__c'));
  await call('upsert: only update, nothing there', () => conn.request({ method: 'PATCH', url: '/sobjects/Contact/Repsync_Key__c/k-9?updateOnly=true', body: '{"LastName":"x"}', headers: { 'content-type': 'application/json' } }));
  await call('upsert: several match', () => contacts.upsert({ Legacy__c: 'twin', LastName: 'Twin' }, 'Legacy__c'));
  await call('upsert: by a field that is no external id', () => contacts.upsert({ Title: 'x', LastName: 'x' }, 'Title'));
  await call('upsert: many', () => contacts.upsert([{ Repsync_Key__c: 'k-1', LastName: 'One' }, { Repsync_Key__c: 'k-2', LastName: 'Two' }, { Repsync_Key__c: 'k-3' }], 'Repsync_Key__c'));
  await call('upsert: retrieve by external id', () => conn.request('/sobjects/Contact/Repsync_Key__c/k-2?fields=LastName'));
  await call('upsert: external id that nobody has', () => conn.request('/sobjects/Contact/Repsync_Key__c/k-9'));
  await call('upsert: id from a reference by external id', () => contacts.create({ LastName: 'Report', ReportsTo: { Repsync_Key__c: 'k-2' } }));
  await call('upsert: reference that nobody has', () => contacts.create({ LastName: 'Report', ReportsTo: { Repsync_Key__c: 'k-9' } }));
}

async function queries() {
  const all = "SELECT Id FROM Contact WHERE LastName LIKE 'Row %' ORDER BY LastName";
  const small = { headers: { 'Sforce-Query-Options': 'batchSize=200' } };
  const first = await call('query: first page', () => conn.query(all, small).then(brief));
  const second = await call('query: second page', () => conn.queryMore(first.nextRecordsUrl).then(brief));
  await call('query: last page', () => conn.queryMore(second.nextRecordsUrl).then(brief));
  await call('query: jsforce fetches all', async () => (await conn.query(all, { ...small, autoFetch: true, maxFetch: 1000 })).records.length);
  await call('query: a locator that nobody gave', () => conn.queryMore('/services/data/v66.0/query/01g000000000001AAA-200'));
  await call('query: a locator that is none', () => conn.queryMore('/services/data/v66.0/query/nonsense'));
  await call('query: nothing', () => conn.query("SELECT Id FROM Contact WHERE LastName = 'Nobody at all'"));
  await call('query: count', () => conn.query("SELECT COUNT() FROM Contact WHERE LastName LIKE 'Row %'"));
  await call('query: aggregate', () => conn.query("SELECT Title, COUNT(Id) n FROM Contact WHERE LastName LIKE 'Row %' GROUP BY Title ORDER BY Title"));
  await call('query: parent', () => conn.query(`SELECT LastName, Owner.Name, Account.Name FROM Contact WHERE Id = '${ada}'`));
  await call('query: children', () => conn.query("SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account WHERE Name = 'Acme'"));
  await call('query: built by jsforce', () => contacts.find({ LastName: { $like: 'Row 00%' }, CreatedDate: { $gt: jsforce.Date.YESTERDAY } }, 'Id, LastName').sort({ LastName: -1 }).limit(2).skip(1));
  await call('query: findOne', () => contacts.findOne({ Email: 'ada@example.com' }, ['FirstName', 'DoNotCall', 'Birthdate']));
  await call('query: count by jsforce', () => contacts.count({ LastName: { $in: ['Row 001', 'Row 002', "O'Hara"] } }));
  await call('query: deleted are left out', () => conn.query("SELECT Id FROM Contact WHERE LastName = 'Gone'"));
  await call('queryAll: deleted too', () => conn.query("SELECT LastName, IsDeleted FROM Contact WHERE LastName = 'Gone'", { scanAll: true }));
  await call('query: update what it finds', () => contacts.find({ LastName: 'Row 449' }).update({ Title: 'Last' }));
  await call('query: destroy what it finds', () => contacts.find({ LastName: 'Row 449' }).destroy());
  await call('query: unknown field', () => conn.query('SELECT Id, Nope__c FROM Contact'));
  await call('query: unknown field in a filter', () => conn.query("SELECT Id FROM Contact WHERE Nope = 'x'"));
  await call('query: unknown object', () => conn.query('SELECT Id FROM Nope'));
  await call('query: unknown relationship', () => conn.query('SELECT Nope.Name FROM Contact'));
  await call('query: malformed', () => conn.query('SELECT Id FORM Contact'));
  await call('query: a text that does not end', () => conn.query("SELECT Id FROM Contact WHERE LastName = 'x"));
  await call('query: wrong type in a filter', () => conn.query("SELECT Id FROM Contact WHERE DoNotCall = 'yes'"));
  await call('query: a date without quotes missing', () => conn.query("SELECT Id FROM Contact WHERE CreatedDate > '2026-01-01'"));
  await call('query: malformed id in a filter', () => conn.query("SELECT Id FROM Contact WHERE Id = 'nonsense'"));
  await call('query: filter by a long text', () => conn.query("SELECT Id FROM Contact WHERE Description = 'x'"));
  await call('query: empty', () => conn.query(''));
  await call('query: without q', () => conn.request('/query'));
}

function brief(page) {
  return { totalSize: page.totalSize, done: page.done, nextRecordsUrl: page.nextRecordsUrl ?? null, records: page.records.length };
}

async function collections() {
  const people = [{ LastName: 'C1' }, { FirstName: 'no last name' }, { LastName: 'C3', Email: 'bad' }];
  const made = await call('collections: create', () => contacts.create(people));
  await call('collections: create, all or none', () => contacts.create(people, { allOrNone: true }));
  await call('collections: none was created', () => contacts.count({ LastName: 'C1' }));
  const c1 = made[0].id;
  const c2 = (await contacts.create([{ LastName: 'C2' }]))[0].id;
  await fetch(env.url + '/.recorder');
  await call('collections: update', () => contacts.update([{ Id: c1, Title: 'T' }, { Id: c2, Title: 'x'.repeat(129) }]));
  await call('collections: update, all or none', () => contacts.update([{ Id: c1, Title: 'U' }, { Id: c2, Nope: 'x' }], { allOrNone: true }));
  await call('collections: retrieve', () => conn.retrieve('Contact', [c1, '003000000000999AAA'], { fields: ['Title'] }));
  await call('collections: destroy, all or none', () => contacts.destroy([c1, '003000000000999AAA'], { allOrNone: true }));
  await call('collections: destroy', () => contacts.destroy([c1, c1, 'nonsense']));
  await call('collections: 201 records', () => contacts.create(Array.from({ length: 201 }, (_, i) => ({ LastName: `Many ${i}` }))));
  await call('collections: jsforce cuts 201 records', async () => (await contacts.create(Array.from({ length: 201 }, (_, i) => ({ LastName: `Many ${i}` })), { allowRecursive: true })).filter((r) => r.success).length);
  await call('collections: unknown object', () => conn.create('Nope', [{ LastName: 'x' }]));
}

async function composites() {
  const base = '/services/data/v66.0';
  const steps = (last) => [
    { method: 'POST', url: `${base}/sobjects/Account`, referenceId: 'account', body: { Name: 'Composite' } },
    { method: 'POST', url: `${base}/sobjects/Contact`, referenceId: 'contact', body: { LastName: last, AccountId: '@{account.id}' } },
    { method: 'GET', url: `${base}/sobjects/Contact/@{contact.id}?fields=LastName,AccountId`, referenceId: 'read' },
  ];
  await call('composite: resources', () => conn.request('/composite'));
  await call('composite', () => post('/composite', { compositeRequest: steps('Composed') }));
  await call('composite: a step fails', () => post('/composite', { compositeRequest: steps('') }));
  await call('composite: all or none', () => post('/composite', { allOrNone: true, compositeRequest: steps('') }));
  await call('composite: twice the same reference', () => post('/composite', { compositeRequest: [steps('x')[0], steps('x')[0]] }));
  await call('composite: 26 steps', () => post('/composite', { compositeRequest: Array.from({ length: 26 }, (_, i) => ({ method: 'GET', url: `${base}/limits`, referenceId: `r${i}` })) }));
  await call('composite: batch', () => post('/composite/batch', { batchRequests: [
    { method: 'PATCH', url: `v66.0/sobjects/Contact/${ada}`, richInput: { Title: 'Batched' } },
    { method: 'GET', url: `v66.0/sobjects/Contact/${ada}?fields=Title` },
    { method: 'GET', url: 'v66.0/sobjects/Contact/003000000000999AAA' },
  ] }));
  await call('composite: batch that halts', () => post('/composite/batch', { haltOnError: true, batchRequests: [{ method: 'GET', url: 'v66.0/sobjects/Nope' }, { method: 'GET', url: 'v66.0/limits' }] }));
  await call('composite: graph', () => post('/composite/graph', { graphs: [{ graphId: 'good', compositeRequest: steps('Graph') }, { graphId: 'bad', compositeRequest: steps('') }] }));
}

async function events() {
  const at = { StartDateTime: '2026-12-01T10:00:00Z', EndDateTime: '2026-12-01T11:00:00Z' };
  const made = await call('event: create', () => conn.sobject('Event').create({ Subject: 'Review', WhoId: ada, ...at }));
  await call('event: retrieve', () => conn.retrieve('Event', made.id, { fields: ['Subject', 'WhoId', 'StartDateTime', 'DurationInMinutes', 'ActivityDate', 'IsAllDayEvent', 'ShowAs'] }));
  await call('event: query by person', () => conn.query(`SELECT Subject, Who.Name, Who.Type FROM Event WHERE WhoId = '${ada}'`));
  await call('event: invite', () => conn.sobject('EventRelation').create({ EventId: made.id, RelationId: env.colleague }));
  await call('event: invite the owner', () => conn.sobject('EventRelation').create({ EventId: made.id, RelationId: conn.userInfo.id }));
  await call('event: relations', () => conn.query(`SELECT Relation.Name, Status, IsInvitee, IsParent FROM EventRelation WHERE EventId = '${made.id}' ORDER BY IsInvitee`));
  await call('event: an account as a person', async () => conn.sobject('Event').create({ WhoId: (await conn.query("SELECT Id FROM Account WHERE Name = 'Acme'")).records[0].Id, ...at }));
  await call('event: end before start', () => conn.sobject('Event').create({ StartDateTime: at.EndDateTime, EndDateTime: at.StartDateTime }));
  await call('event: destroy', () => conn.sobject('Event').destroy(made.id));
}

async function refusals() {
  const create = (values) => () => contacts.create({ LastName: 'Refused', ...values });
  await call('refused: no last name', () => contacts.create({ FirstName: 'x' }));
  await call('refused: unknown field', create({ Nope__c: 'x' }));
  await call('refused: read-only field', create({ CreatedDate: '2020-01-01T00:00:00Z' }));
  await call('refused: text too long', create({ FirstName: 'x'.repeat(41) }));
  await call('refused: bad email', create({ Email: 'nonsense' }));
  await call('refused: bad date', create({ Birthdate: 'yesterday' }));
  await call('refused: object for a text', create({ Title: { a: 1 } }));
  await call('refused: unique value taken', create({ Repsync_Key__c: 'k-1' }));
  await call('refused: malformed reference', create({ AccountId: 'nonsense' }));
  await call('refused: reference to nothing', create({ AccountId: '001000000000999AAA' }));
  await call('refused: reference to another object', create({ AccountId: ada }));
  await call('refused: value outside a restricted picklist', create({ Grade__c: 'Z' }));
  await call('refused: unknown object', () => conn.sobject('Nope').create({ Name: 'x' }));
  await call('refused: retrieve what is not there', () => contacts.retrieve('003000000000999AAA'));
  await call('refused: retrieve a malformed id', () => contacts.retrieve('nonsense'));
  await call('refused: retrieve an unknown field', () => conn.retrieve('Contact', ada, { fields: ['Nope'] }));
  await call('refused: update what is not there', () => contacts.update({ Id: '003000000000999AAA', LastName: 'x' }));
  await call('refused: update a malformed id', () => contacts.update({ Id: 'nonsense', LastName: 'x' }));
  await call('refused: update an id of another object', () => contacts.update({ Id: '001000000000999AAA', LastName: 'x' }));
  await call('refused: destroy a malformed id', () => contacts.destroy('nonsense'));
  await call('refused: destroy an id of another object', () => contacts.destroy('001000000000999AAA'));
  await call('refused: clear the last name', () => contacts.update({ Id: ada, LastName: null }));
  await call('refused: no JSON', () => post('/sobjects/Contact', '{"LastName":'));
  await call('refused: another content type', () => post('/sobjects/Contact', 'LastName=x', { 'content-type': 'text/plain' }));
  await call('refused: method', () => conn.requestPut('/sobjects/Contact', {}));
  await call('refused: no such resource', () => conn.request('/nonsense'));
  await call('refused: validation rule', create({ LastName: 'Forbidden' }));
  await call('refused: duplicate rule', () => conn.sobject('Lead').create({ LastName: 'Twin', Company: 'Acme', Email: 'twin@example.com' }));
  await call('refused: duplicate rule, saved all the same', () => conn.sobject('Lead').create({ LastName: 'Twin', Company: 'Acme', Email: 'twin@example.com' }, { headers: { 'Sforce-Duplicate-Rule-Header': 'allowSave=true' } }));
  const limited = new jsforce.Connection({ instanceUrl: env.limited, accessToken: env.limitedToken, version: '66.0' });
  await call('refused: the last request of the day', () => limited.query('SELECT Id FROM Contact'));
  await call('refused: daily limit', () => limited.query('SELECT Id FROM Contact'));
}

async function replication() {
  const from = new Date(mark - 3600e3);
  const to = new Date(Date.now() + 61e3);
  await call('replication: deleted', async () => {
    const d = await contacts.deleted(from, to);
    return { ...d, deletedRecords: d.deletedRecords.slice(0, 1) };
  });
  await call('replication: updated', async () => ({ has: (await contacts.updated(from, to)).ids.includes(ada) }));
  await call('replication: a window that is too old', () => contacts.deleted('2015-01-01T00:00:00Z', '2015-01-02T00:00:00Z'));
}

async function endings() {
  const other = connection();
  await other.login(env.username, env.password);
  const token = other.accessToken;
  await fetch(env.url + '/.recorder');
  await call('end: revoke', () => other.logout());
  await call('end: the token is no good', () => new jsforce.Connection({ instanceUrl: env.url, accessToken: token, version: '66.0' }).limits());
  await call('end: revoke again', () => connection().oauth2.revokeToken(token));
}
