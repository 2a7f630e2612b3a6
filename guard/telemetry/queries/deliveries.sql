-- Deliveries by state: those that wait, however old, and what became of the last day's.
select d.state, count(*)::bigint as deliveries, extract(epoch from min(d.created_at))::double precision as since
from tenants t
cross join lateral (
    select state, created_at from deliveries where tenant_id = t.id and state = 'pending' and not synthetic
    union all
    select state, created_at from deliveries
    where tenant_id = t.id and outbox_id >= %(day)s and state <> 'pending' and not synthetic
) d
group by d.state
