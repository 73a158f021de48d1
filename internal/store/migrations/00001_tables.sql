-- +goose Up
-- Text is compared byte by byte (collate "C"), so that Go and Postgres agree on every order.
-- In tables with a row for each item, columns of 8 bytes stand first and those of any length last: no room is lost between them.
-- Columns named *_sealed hold boxes of package keyring; bases and lookup keys are keyed hashes.

create table org (
    org      text collate "C" primary key,
    revision bigint not null default 0, -- the newest policy revision
    roster   bytea -- keyed, over the names of its reps: none can be taken away with all of its journal
);

create table rep (
    org              text collate "C" not null references org,
    rep              text collate "C" not null,
    mailbox_sealed   bytea,
    mailbox_key      bytea,
    crm_user         text collate "C" not null,
    profile          text collate "C" not null,
    active           boolean not null,
    pass             bigint not null,
    applied_revision bigint not null,
    reread           boolean not null,
    swept            timestamptz, -- when everything was last read; null until a pass has told when it would have been
    speaks           boolean, -- by the policy, events flow from the mailbox; null until they are read
    epoch            bigint not null default 0,
    holder           text collate "C" not null default '', -- '' when released
    lease_until      timestamptz,
    journal_lines    bigint not null default 0, -- how many lines the rep's journal has
    journal_chain    bytea, -- of the last one
    journal_head     bytea, -- keyed, over both
    primary key (org, rep),
    unique (org, mailbox_key)
);

-- What a rep has of a kind. The tables with a row for each item name it by its number, and so do their indexes. A number is never
-- given again, and outlives the rep: one who is added again goes on from the links and verdicts that are there.
create table collection (
    no   integer generated always as identity primary key,
    org  text collate "C" not null,
    rep  text collate "C" not null,
    kind text collate "C" not null,
    ranked boolean not null default false, -- more records are known than the policy's limit lets in: see rank
    unique (org, rep, kind)
);

create table policy (
    org             text collate "C" not null references org,
    revision        bigint not null,
    name            text collate "C" not null,
    document_sealed bytea not null,
    at              timestamptz not null,
    primary key (org, revision)
);
create index policy_name on policy (org, name, revision desc);

create table cursor (
    org           text collate "C" not null,
    rep           text collate "C" not null,
    kind          text collate "C" not null,
    side          text collate "C" not null,
    token_sealed  bytea,
    next_sealed   bytea,
    page_sealed   bytea,
    position      bigint not null default 0, -- crm: in the org's feed; mailbox: one more than the lines of the rep's journal
    next_position bigint not null default 0,
    full_read     boolean not null default false,
    read_no       bigint not null default 0,
    synced        boolean not null default false, -- a pass over the kind was committed
    retry_at      timestamptz,
    retry_code    text collate "C" not null default '',
    primary key (org, rep, kind, side)
);

create table feed_state (
    org          text collate "C" not null references org,
    kind         text collate "C" not null,
    token_sealed bytea,
    page_sealed  bytea,
    first        bigint not null,
    last         bigint not null,
    at           timestamptz not null,
    primary key (org, kind)
);

create table feed (
    org         text collate "C" not null,
    kind        text collate "C" not null,
    seq         bigint not null,
    id          text collate "C" not null,
    owner       text collate "C" not null,
    reps        text[] collate "C" not null, -- other users whom the record concerns
    tag         text collate "C" not null,
    at          timestamptz,
    deleted     boolean not null,
    logged      timestamptz not null,
    item_sealed bytea, -- null: erased, and nobody reads the row any more
    primary key (org, kind, seq)
);
create index feed_item on feed (org, kind, id, seq);
create index feed_logged on feed (org, logged);

create table claim (
    until   timestamptz, -- null: as long as the record
    coll    integer not null, -- whose it is
    key     uuid primary key, -- keyed hash over org, kind and what is claimed: bytea would take 8 bytes more, here and in the index
    link_id text collate "C" not null,
    crm_id  text collate "C" not null default ''
);
create index claim_holder on claim (hashtext(case crm_id when '' then link_id else crm_id end), coll); -- see heldBy

create table record_lease (
    org    text collate "C" not null,
    kind   text collate "C" not null,
    crm_id text collate "C" not null,
    rep    text collate "C" not null,
    until  timestamptz not null,
    primary key (org, kind, crm_id)
);

create table link (
    n            bigint generated always as identity, -- the older link has the smaller
    at           timestamptz, -- of the verdict
    crm_at       timestamptz,
    crm_edited   timestamptz, -- the item's age before our own last write
    mailbox_at   timestamptz,
    mailbox_edited timestamptz,
    coll integer not null, -- collection.no
    crm_seen     integer not null, -- the last full read that showed the item
    mailbox_seen integer not null,
    generation   integer not null,
    sequence     integer not null, -- of the meeting, as the mailbox's copy shows it
    pass         integer not null default 0, -- of the verdict on both items, see table verdict
    revision     integer not null default 0,
    norm         smallint not null,
    hash_key     smallint not null,
    shared       boolean not null,
    organizes    boolean not null, -- the rep organises the meeting
    link_id      text collate "C" not null,
    state        text collate "C" not null,
    made         text collate "C" not null,
    related      text[] collate "C", -- CRM records that Repsync related to the event
    pinned       text collate "C" not null, -- what it is not to be planned again for, after an undo; '' for nothing
    crm_id       text collate "C" not null, -- '' while the link waits for its create
    crm_tag      text collate "C" not null,
    crm_base     bytea, -- see pack.go
    mailbox_id   text collate "C" not null,
    mailbox_tag  text collate "C" not null,
    mailbox_base bytea,
    reason       text collate "C" not null default '', -- '': there is no verdict yet
    field        text collate "C" not null default '',
    rule         text collate "C" not null default '',
    code         text collate "C" not null default '',
    primary key (coll, link_id)
);
-- One link in force per item: of those that wait and those that are left the last part is null, and null equals nothing.
create unique index link_crm on link (crm_id, coll, (case when crm_id <> '' and state <> 'left' then 0 end)); -- of all reps
create unique index link_mailbox on link (coll, mailbox_id, (case when mailbox_id <> '' and state <> 'left' then 0 end));

create table staged (
    pass       bigint not null,
    read_no    bigint not null,
    at         timestamptz,
    coll integer not null,
    admitted   boolean not null,
    judged     boolean not null,
    side       text collate "C" not null,
    id         text collate "C" not null,
    presence   text collate "C" not null,
    tag        text collate "C" not null,
    why        text collate "C" not null,
    obs_sealed bytea not null,
    primary key (coll, side, id)
) with (fillfactor = 50, toast_tuple_target = 8160); -- a row is judged where it stands, and its index not written again; no second index, of what is cut off

create table mailbox_key (
    coll integer not null,
    id   text collate "C" not null,
    keys bigint[] not null -- see keys.go
);
create index mailbox_key_item on mailbox_key (coll, hashtext(id)); -- 4 bytes of each id; statements name the id as well
create index mailbox_key_keys on mailbox_key using gin (keys) with (fastupdate = off); -- a list of what is pending would be read by every look-up

-- Of a collection that is ranked, every record that the policy admits, its limit apart. Of others nothing.
create table rank (
    coll integer not null,
    id          text collate "C" not null,
    rank_sealed bytea not null,
    beyond      boolean not null default false, -- the limit left it out
    primary key (coll, id)
);

create table intent (
    no            bigint not null, -- 8 bytes hashed of intent_id, which finds it: see intentNo
    coll          integer not null,
    intent_id     text collate "C" not null,
    link_id       text collate "C" not null,
    side          text collate "C" not null,
    verb          text collate "C" not null,
    pass          bigint not null,
    ref_id        text collate "C" not null,
    occurrence    text collate "C" not null,
    if_tag        text collate "C" not null,
    if_at         timestamptz,
    key           text collate "C" not null,
    generation    integer not null,
    state         text collate "C" not null,
    revision      bigint not null,
    epoch         bigint not null,
    reason        text collate "C" not null,
    after         text collate "C" not null,
    drop_link     boolean not null,
    exempt        boolean not null, -- the rolling guards do not count it
    sent_at       timestamptz,
    settled       timestamptz,
    source_id     text collate "C" not null,
    source_tag    text collate "C" not null,
    source_at     timestamptz,
    code          text collate "C" not null,
    op_sealed     bytea not null,
    before_sealed bytea,
    n             bigint generated always as identity, -- the order in which they are sent
    primary key (coll, no)
);
-- A first sync plans all of its intents before it sends one, and what room they took in an index stays there: two bytes for side and
-- verb instead of fifteen, and no entry anew for one that is sent.
create index intent_planned on intent (coll, left(side, 1), left(verb, 1), n) where state in ('planned', 'held');
create index intent_sent on intent (coll) where state in ('sent', 'unknown');
create index intent_written on intent (coll, settled) where state = 'done' and not exempt;
create index intent_done on intent (coll, settled) where state in ('done', 'parked', 'dropped');

create table parked (
    org          text collate "C" not null,
    rep          text collate "C" not null,
    kind         text collate "C" not null,
    side         text collate "C" not null,
    id           text collate "C" not null,
    link_id      text collate "C" not null,
    reason       text collate "C" not null,
    field        text collate "C" not null,
    code         text collate "C" not null,
    words_sealed bytea,
    attempts     integer not null,
    next_try     timestamptz,
    since        timestamptz not null,
    revision     bigint not null,
    metadata     text collate "C" not null,
    primary key (org, rep, kind, side, id)
);
create index parked_speaks on parked (org, rep) where reason = 'organizer_speaks';

-- The verdict on both items of a link stands once, in the link. Here is what is said of one item: it has no link, or its link says
-- something else, or nothing.
create table verdict (
    at       timestamptz not null,
    pass     integer not null,
    revision integer not null,
    coll integer not null,
    side     text collate "C" not null,
    id       text collate "C" not null,
    link_id  text collate "C" not null,
    reason   text collate "C" not null,
    field    text collate "C" not null,
    rule     text collate "C" not null,
    code     text collate "C" not null,
    primary key (coll, side, id)
);

-- The one verdict on each item. Of several links that an item is or was in, the one in force tells, else the last one.
create view told as
    select coll, side, id, link_id, pass, revision, at, reason, field, rule, code from verdict
    union all
    select coll, 'crm', crm_id, link_id, pass, revision, at, reason, field, rule, code from link l
    where reason <> '' and crm_id <> ''
        and not exists (select from verdict v where v.coll = l.coll and v.side = 'crm' and v.id = l.crm_id)
        and not exists (select from link o where o.coll = l.coll and o.crm_id = l.crm_id and o.reason <> ''
            and (o.state <> 'left', o.generation, o.n) > (l.state <> 'left', l.generation, l.n))
    union all
    select coll, 'mailbox', mailbox_id, link_id, pass, revision, at, reason, field, rule, code from link l
    where reason <> '' and mailbox_id <> ''
        and not exists (select from verdict v where v.coll = l.coll and v.side = 'mailbox' and v.id = l.mailbox_id)
        and not exists (select from link o where o.coll = l.coll and o.mailbox_id = l.mailbox_id and o.reason <> ''
            and (o.state <> 'left', o.generation, o.n) > (l.state <> 'left', l.generation, l.n));

-- An item that a link has no more keeps what that one said, unless another link in force, or a later one, tells of it.
-- +goose StatementBegin
create function keep_verdict() returns trigger language plpgsql set search_path from current as $$
begin
    -- told, one look-up for each table and side: joined, the view would be read whole for each row.
    insert into verdict (coll, side, id, link_id, pass, revision, at, reason, field, rule, code)
    select old.coll, 'crm', old.crm_id, old.link_id, old.pass, old.revision, old.at, old.reason, old.field, old.rule, old.code
    where old.crm_id <> '' and not exists (select from verdict v where v.coll = old.coll and v.side = 'crm' and v.id = old.crm_id)
        and not exists (select from link l where l.coll = old.coll and l.crm_id = old.crm_id and l.reason <> ''
            and (l.n = old.n or (l.state <> 'left', l.generation, l.n) > (old.state <> 'left', old.generation, old.n)));
    insert into verdict (coll, side, id, link_id, pass, revision, at, reason, field, rule, code)
    select old.coll, 'mailbox', old.mailbox_id, old.link_id, old.pass, old.revision, old.at, old.reason, old.field, old.rule, old.code
    where old.mailbox_id <> '' and not exists (select from verdict v where v.coll = old.coll and v.side = 'mailbox' and v.id = old.mailbox_id)
        and not exists (select from link l where l.coll = old.coll and l.mailbox_id = old.mailbox_id and l.reason <> ''
            and (l.n = old.n or (l.state <> 'left', l.generation, l.n) > (old.state <> 'left', old.generation, old.n)));
    return null;
end $$;
-- +goose StatementEnd
create trigger keep_verdict_of_gone after delete on link for each row
    when (old.reason <> '') execute function keep_verdict();
create trigger keep_verdict_of_moved after update on link for each row
    when (old.reason <> '' and (old.crm_id <> new.crm_id or old.mailbox_id <> new.mailbox_id)) execute function keep_verdict();

create table plan (
    org    text collate "C" not null,
    rep    text collate "C" not null,
    digest text collate "C" not null,
    pass   bigint not null,
    counts jsonb not null,
    why    text[] not null,
    lines  bytea not null,
    state  text collate "C" not null,
    at     timestamptz not null,
    primary key (org, rep)
);

create table journal (
    seq           bigint generated by default as identity,
    at            timestamptz not null,
    pass          integer not null,
    revision      integer not null,
    n             integer not null, -- it is the rep's n-th line, from 1
    org           text collate "C" not null,
    rep           text collate "C" not null,
    kind          text collate "C" not null,
    side          text collate "C" not null,
    id            text collate "C" not null,
    link_id       text collate "C" not null,
    action        text collate "C" not null,
    field         text collate "C" not null,
    rule          text collate "C" not null,
    code          text collate "C" not null,
    reason        text collate "C" not null,
    values_salt   bytea, -- what opens values_sealed, with the keyring; null: there are none, or they were destroyed
    values_sealed bytea,
    digest        bytea not null, -- keyed, over what the line says: the same line is not written twice
    chain         bytea not null, -- sha-256 over the line and its predecessor's
    mac           bytea not null, -- keyed, over chain and the rep's journal_head before it
    primary key (org, rep, seq)
);
-- Hash indexes keep four bytes of what they find.
create index journal_item on journal using hash (id);
create index journal_link on journal using hash (link_id) where link_id <> '';

-- Of these items, whose values were destroyed, the journal takes none any more.
create table erased (
    coll integer not null,
    item text collate "C" not null, -- "link/<link id>", or "<side>/<id>" of an item without a link
    primary key (coll, item)
);

-- What is counted of vendors' APIs, shared by all workers. See budget.go.
create table api_use (
    org   text collate "C" primary key,
    used  bigint not null default 0, -- by the CRM's own count of a day, all programs together
    most  bigint not null default 0, -- 0: it has not told yet
    told  timestamptz -- when; null before it did
);

create table api_hour (
    org   text collate "C" not null,
    hour  timestamptz not null,
    calls bigint not null, -- taken by workers
    primary key (org, hour)
);

create table api_rate (
    org  text collate "C" not null,
    name text collate "C" not null, -- "<quota>/<project>", or "<quota>@<keyed hash of the mailbox>"
    free timestamptz not null, -- when the calls taken so far are due
    primary key (org, name)
);
