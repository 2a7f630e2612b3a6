-- Turns waiting outbox rows into one delivery for each channel that wants them, and marks them relayed: one statement, so
-- that a crash leaves both or neither. Runs for all tenants; every join is within one tenant.
-- A payload is only believed to have a severity where it is a number: one bad row must not stop the others.
with waiting as (
    select o.tenant_id, o.id, o.topic, o.synthetic,
        case when jsonb_typeof(o.payload -> 'severity') = 'number' then (o.payload ->> 'severity')::numeric else 0 end as severity
    from outbox o
    where o.relayed_at is null and o.available_at <= now()
    order by severity desc, o.available_at
    limit %(batch)s
    for update of o skip locked
), wanted as (
    select w.tenant_id, w.id as outbox_id, c.id as channel_id, w.synthetic
    from waiting w
    join channels c on c.tenant_id = w.tenant_id and c.enabled and w.topic = any (c.topics) and c.severity_from <= w.severity
), made as (
    insert into deliveries (tenant_id, outbox_id, channel_id, next_at, synthetic)
    select tenant_id, outbox_id, channel_id, now(), synthetic from wanted
    on conflict do nothing
    returning 1
), marked as (
    update outbox o set relayed_at = now(), attempts = o.attempts + 1
    from waiting w where o.tenant_id = w.tenant_id and o.id = w.id
    returning 1
)
select
    (select count(*) from marked) as relayed,
    (select count(*) from made) as deliveries,
    -- Tenants that have people, and a case of severity 3 or more that no channel tells them of.
    array(
        select distinct w.tenant_id from waiting w join tenants t on t.id = w.tenant_id
        where t.people <> 'none' and not t.synthetic and not w.synthetic and w.severity >= 3 and w.topic like 'case.%%'
            and not exists (select from wanted x where x.tenant_id = w.tenant_id and x.outbox_id = w.id)
    ) as unheard
