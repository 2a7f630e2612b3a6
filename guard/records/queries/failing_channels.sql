-- Channels whose newest delivery that met an answer failed: the code of what it met. ``since``: when it was to be told.
select t.name as tenant, c.tenant_id, c.id, c.name, last.last_error as error, last.created_at as since
from channels c
join tenants t on t.id = c.tenant_id
cross join lateral (
    select d.last_error, d.created_at
    from deliveries d
    where d.tenant_id = c.tenant_id and d.channel_id = c.id and (d.last_error is not null or d.state = 'delivered')
        and d.last_error is distinct from 'case_closed'
    order by d.created_at desc, coalesce(d.last_error = 'channel_disabled', false) limit 1
) last
where last.last_error is not null and (c.enabled or c.disabled_reason = 'gone')
order by t.name, c.name
