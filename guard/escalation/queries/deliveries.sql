-- What became of messages, a row a channel, the newest first. ``state``: waiting, retrying, delivered, acknowledged (a person
-- took the case after it was told), closed (the case was, before anybody tried) or unreachable. Null bounds bind nothing.
select t.name as tenant, d.tenant_id, d.outbox_id, d.channel_id, c.name as channel, c.kind, c.enabled, o.topic,
    case when jsonb_typeof(o.payload -> 'severity') = 'number' then (o.payload ->> 'severity')::numeric::integer end as severity,
    coalesce(o.payload ->> 'case_id', o.payload ->> 'case') as case_id,
    case
        when d.state = 'failed' and d.last_error = 'case_closed' then 'closed'
        when d.state in ('failed', 'dead') then 'unreachable'
        when d.state = 'pending' then case when d.last_error is null then 'waiting' else 'retrying' end
        when exists (
            select from case_events e
            where e.tenant_id = d.tenant_id and e.case_id::text = coalesce(o.payload ->> 'case_id', o.payload ->> 'case')
                and e.kind = 'acknowledged' and e.at >= o.created_at
        ) then 'acknowledged'
        else 'delivered'
    end as state,
    d.attempts, d.last_error as error, x.name as instead_of, d.created_at, d.next_at, d.delivered_at, d.synthetic
from deliveries d
join tenants t on t.id = d.tenant_id
join channels c on c.tenant_id = d.tenant_id and c.id = d.channel_id
join outbox o on o.tenant_id = d.tenant_id and o.id = d.outbox_id
left join channels x on x.tenant_id = d.tenant_id and x.id = d.instead_of
where (%(tenant)s::text is null or t.name = %(tenant)s)
    and (%(outbox_id)s::uuid is null or d.outbox_id = %(outbox_id)s)
    and (not %(dead)s or (d.state in ('failed', 'dead') and d.last_error is distinct from 'case_closed'))
order by d.created_at desc, d.outbox_id desc, c.rung, c.name
limit %(limit)s
