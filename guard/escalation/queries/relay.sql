-- Turns waiting outbox rows into one delivery for each channel that wants them, and marks them relayed: one statement, so
-- that a crash leaves both or neither. Runs for all tenants; every join is within one tenant.
-- A payload is only believed to have a severity or a rung where it is a number: one bad row must not stop the others.
-- Of a case the lowest rung that has a channel is told at first, then as many rungs as the ladder has come to, at last
-- everybody who is told of any case. What is no case has no severity, and goes to whoever takes its topic.
with waiting as (
    select o.tenant_id, o.id, o.topic, o.payload, o.synthetic, o.topic like 'case.%%' as of_case,
        case when jsonb_typeof(o.payload -> 'severity') = 'number' then (o.payload ->> 'severity')::numeric else 0 end as severity,
        case when jsonb_typeof(o.payload -> 'rung') = 'number' then (o.payload ->> 'rung')::numeric else 1 end as rung,
        o.topic = 'case.unacknowledged' and o.payload -> 'everybody' = 'true' as everybody
    from outbox o
    where o.relayed_at is null and o.available_at <= now()
    order by severity desc, o.available_at
    limit %(batch)s
    for update of o skip locked
), candidates as (
    select w.tenant_id, w.id as outbox_id, c.id as channel_id, w.synthetic, w.of_case, w.everybody, w.rung,
        dense_rank() over (partition by w.tenant_id, w.id order by c.rung) as place
    from waiting w
    join channels c on c.tenant_id = w.tenant_id and c.enabled
        and (w.topic = any (c.topics)
            or (w.topic = 'case.unacknowledged' and c.topics && array['case.opened', 'case.raised']))
        and (c.severity_from <= w.severity or w.everybody or not w.of_case)
), wanted as (
    select * from candidates where everybody or not of_case or place <= rung
), made as (
    insert into deliveries (tenant_id, outbox_id, channel_id, next_at, synthetic)
    select tenant_id, outbox_id, channel_id, now(), synthetic from wanted
    on conflict do nothing
    returning 1
), marked as (
    update outbox o set relayed_at = now(), attempts = o.attempts + 1
    from waiting w where o.tenant_id = w.tenant_id and o.id = w.id
    returning 1
), unheard as (
    -- Cases of severity 3 or more of tenants that have people, of which no channel tells anybody.
    select w.tenant_id, w.id, w.payload from waiting w join tenants t on t.id = w.tenant_id
    where t.people <> 'none' and not t.synthetic and not w.synthetic and w.severity >= 3 and w.of_case
        and not exists (select from wanted x where x.tenant_id = w.tenant_id and x.outbox_id = w.id)
), noted as (
    insert into case_events (tenant_id, case_id, id, key, kind, at, severity, detail)
    select u.tenant_id, c.id, gen_random_uuid(), 'unreachable:' || u.id, 'unreachable', now(), c.severity,
        jsonb_build_object('message', u.id, 'error', 'no_channel')
    from unheard u
    join cases c on c.tenant_id = u.tenant_id and c.id::text = u.payload ->> 'case_id'
    on conflict (tenant_id, case_id, key) do nothing
)
select
    (select count(*) from marked) as relayed,
    (select count(*) from made) as deliveries,
    array(select distinct tenant_id from unheard) as unheard
