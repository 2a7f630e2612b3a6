-- Cases that were opened in the last day: whether somebody acknowledged in time, and after how many seconds.
select c.severity,
    count(*) filter (where c.acknowledged_at <= c.acknowledge_by)::bigint as kept,
    count(*) filter (where coalesce(c.acknowledged_at, now()) > c.acknowledge_by)::bigint as broken,
    count(*) filter (where c.acknowledged_at is null and c.acknowledge_by >= now())::bigint as waiting,
    percentile_cont(array[0.5, 0.9, 1]) within group (
        order by extract(epoch from c.acknowledged_at - least(c.raised_at, c.acknowledged_at))::double precision
    ) filter (where c.acknowledged_at is not null) as seconds
from tenants t
cross join lateral (
    select severity, raised_at, acknowledged_at, acknowledge_by from cases
    where tenant_id = t.id and id >= %(day)s and not synthetic
) c
group by c.severity
