select o.id, t.name as tenant, o.turn_id, o.turn_at, o.attempt, o.side, o.rubric, o.model, o.why, o.state, o.reason, o.labels,
    o.cut, o.attempts, o.seconds, o.created_at, o.ended_at
from opinions o
join tenants t on t.id = o.tenant_id
where (%(tenant)s::text is null or t.name = %(tenant)s)
    and (%(id)s::uuid is null or o.id = %(id)s)
    and (%(turn_id)s::uuid is null or o.turn_id = %(turn_id)s)
    and (o.state = %(state)s or %(state)s::text is null and (o.state <> 'waiting' or %(id)s::uuid is not null))
order by coalesce(o.ended_at, o.created_at) desc, o.id desc
limit %(limit)s
