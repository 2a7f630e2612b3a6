-- Tenants whose text may be asked about, and from which turn on: never before they were switched on, and after a pause of the
-- worker or of the endpoint not further back than ``back`` seconds.
select t.id, case when c.at > f.floor then c.at else f.floor end as at,
    case when c.at > f.floor then c.turn_id else '00000000-0000-0000-0000-000000000000' end as turn_id,
    (
        select count(*) from opinions o
        where o.tenant_id = t.id and o.asked_at >= date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'
    ) as taken,
    now() as now
from tenants t
cross join lateral (select greatest(t.opinion_since, now() - make_interval(secs => %(back)s)) as floor) f
left join opinion_cursors c on c.tenant_id = t.id
where t.opinion_since is not null and t.disabled_at is null and not t.synthetic
order by c.at nulls first
