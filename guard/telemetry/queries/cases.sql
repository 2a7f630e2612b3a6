-- Cases of people by severity and state: all that are not closed, and the closed ones among the week's. Ids are in the order
-- of their making (UUIDv7), so the week is a range of the key.
select c.severity, c.state, count(*)::bigint as cases,
    count(*) filter (where c.state in ('open', 'notified') and c.acknowledge_by < now())::bigint as unacknowledged,
    count(*) filter (where c.state <> 'closed' and c.act_by < now())::bigint as unacted
from tenants t
cross join lateral (
    select severity, state, acknowledge_by, act_by from cases
    where tenant_id = t.id and state <> 'closed' and not synthetic
    union all
    select severity, state, acknowledge_by, act_by from cases
    where tenant_id = t.id and id >= %(week)s and state = 'closed' and not synthetic
) c
group by c.severity, c.state
