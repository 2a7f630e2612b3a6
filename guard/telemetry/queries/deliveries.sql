-- Deliveries by what became of them: those that wait, however old, and the last day's. Acknowledged: a person took the case
-- after the message was made. Unreachable: given up. Those whose case was closed before anybody tried are left out.
select d.state, count(*)::bigint as deliveries, extract(epoch from min(d.created_at))::double precision as since
from (
    select x.created_at,
        case
            when x.state = 'pending' then case when x.last_error is null then 'waiting' else 'retrying' end
            when x.state <> 'delivered' then 'unreachable'
            when exists (
                select from case_events e
                where e.tenant_id = x.tenant_id and e.kind = 'acknowledged' and e.at >= o.created_at
                    -- A payload is only believed to name a case where that is an id.
                    and e.case_id = case when o.payload ->> 'case_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                                         then (o.payload ->> 'case_id')::uuid end
            ) then 'acknowledged'
            else 'delivered'
        end as state
    from tenants t
    cross join lateral (
        select * from deliveries where tenant_id = t.id and state = 'pending' and not synthetic
        union all
        select * from deliveries where tenant_id = t.id and outbox_id >= %(day)s and state <> 'pending' and not synthetic
    ) x
    join outbox o on o.tenant_id = x.tenant_id and o.id = x.outbox_id
    where x.last_error is distinct from 'case_closed'
) d
group by d.state
