-- Deliveries of the last 30 days that were given up and that nobody has sent again; without those that the closing of
-- their case settled.
select count(*)::bigint as dead
from tenants t
cross join lateral (
    select from deliveries
    where tenant_id = t.id and created_at >= now() - interval '30 days' and state in ('failed', 'dead') and not synthetic
        and last_error is distinct from 'case_closed'
) d
