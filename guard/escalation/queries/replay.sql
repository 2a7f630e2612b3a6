-- One delivery that was given up is due again, with the whole schedule before it, under the same webhook-id. The fence goes
-- on counting. Of a case, an event says so.
with again as (
    update deliveries d set state = 'pending', spent = d.attempts, next_at = now()
    from channels c
    where d.tenant_id = %(tenant_id)s and d.outbox_id = %(outbox_id)s and d.channel_id = %(channel_id)s
        and d.state in ('failed', 'dead') and c.tenant_id = d.tenant_id and c.id = d.channel_id and c.enabled
    returning d.tenant_id, d.outbox_id, d.channel_id, d.attempts
), noted as (
    insert into case_events (tenant_id, case_id, id, key, kind, at, severity, detail)
    select c.tenant_id, c.id, %(event_id)s, 'replayed:' || a.outbox_id || ':' || a.channel_id || ':' || a.attempts, 'replayed',
        now(), c.severity, jsonb_build_object('message', a.outbox_id, 'channel', a.channel_id)
    from again a
    join outbox o on o.tenant_id = a.tenant_id and o.id = a.outbox_id and o.topic like 'case.%%'
    join cases c on c.tenant_id = a.tenant_id and c.id::text = coalesce(o.payload ->> 'case_id', o.payload ->> 'case')
    on conflict (tenant_id, case_id, key) do nothing
)
select outbox_id from again
