select o.side, o.rubric, o.labels, o.turn_id, k.session_id, s.model as scored_by, v.signal_ids as ids, s.values, s.tiers
from opinions o
join tenants t on t.id = o.tenant_id
join scores s on s.tenant_id = o.tenant_id and s.turn_id = o.turn_id and s.turn_at = o.turn_at and s.attempt = o.attempt
    and s.side = o.side
join vocabularies v on v.version = s.vocabulary and v.side = s.side
left join turn_keys k on k.tenant_id = o.tenant_id and k.turn_id = o.turn_id
where o.state = 'answered' and (%(tenant)s::text is null or t.name = %(tenant)s)
    and (%(model)s::text is null or o.model = %(model)s)
    and (%(since)s::timestamptz is null or o.ended_at >= %(since)s)
order by o.ended_at desc
limit %(limit)s
