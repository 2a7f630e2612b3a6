-- One delivery that was given up is due again, with the whole schedule before it, under the same webhook-id. The fence goes
-- on counting. Of a case, an event says so. What tells of a case that is closed is settled instead, and not sent.
with chosen as (
    select d.tenant_id, d.outbox_id, d.channel_id, exists (
            select from outbox o
            join cases k on k.tenant_id = o.tenant_id and k.state = 'closed'
                and k.id = case when o.payload ->> 'case_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                    then (o.payload ->> 'case_id')::uuid end
            where o.tenant_id = d.tenant_id and o.id = d.outbox_id and o.topic like 'case.%%'
        ) as closed
    from deliveries d
    where d.tenant_id = %(tenant_id)s and d.outbox_id = %(outbox_id)s and d.channel_id = %(channel_id)s
        and d.state in ('failed', 'dead')
    for update of d
), settled as (
    update deliveries d set state = 'failed', last_error = 'case_closed'
    from chosen x
    where d.tenant_id = x.tenant_id and d.outbox_id = x.outbox_id and d.channel_id = x.channel_id and x.closed
), again as (
    update deliveries d set state = 'pending', spent = d.attempts, next_at = now()
    from chosen x
    join channels c on c.tenant_id = x.tenant_id and c.id = x.channel_id and c.enabled
    where d.tenant_id = x.tenant_id and d.outbox_id = x.outbox_id and d.channel_id = x.channel_id and not x.closed
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
