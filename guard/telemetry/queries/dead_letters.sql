-- Deliveries of the last 30 days that were given up and that nobody has sent again.
select count(*)::bigint as dead
from tenants t
cross join lateral (
    select from deliveries where tenant_id = t.id and outbox_id >= %(month)s and state in ('failed', 'dead') and not synthetic
) d
