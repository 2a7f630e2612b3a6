-- Leases what is due to one task, of one tenant, the least tried first. Nothing while the endpoint is shut, one question while
-- it has only just failed: what waits while it is away does not all come at once when it is back.
with endpoint as (
    select coalesce(max(failures), 0) as failures, coalesce(max(open_until), '-infinity') > now() as shut
    from opinion_endpoints where endpoint = %(endpoint)s
), due as (
    select o.tenant_id, o.id, o.attempts, o.next_at
    from opinions o
    join tenants t on t.id = o.tenant_id and t.opinion_since <= o.turn_at and t.disabled_at is null
    cross join endpoint e
    where o.state = 'asked' and o.next_at <= now() and not e.shut
        and o.model = %(model)s and o.rubric = any (%(rubrics)s::text[])
    order by o.attempts, o.next_at
    limit (select case when failures > 0 then 1 else %(batch)s end from endpoint)
    for update of o skip locked
), chosen as (
    select * from due where tenant_id = (select tenant_id from due order by attempts, next_at limit 1)
)
update opinions o set next_at = now() + make_interval(secs => %(lease)s)
from chosen c
where o.tenant_id = c.tenant_id and o.id = c.id
returning o.tenant_id, o.id, o.attempts
