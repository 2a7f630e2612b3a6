-- The scores of the words that an opinion is about.
select o.side, s.model as scored_by, v.signal_ids as ids, s.values, s.tiers
from opinions o
join scores s on s.tenant_id = o.tenant_id and s.turn_id = o.turn_id and s.turn_at = o.turn_at and s.attempt = o.attempt
    and s.side = o.side
join vocabularies v on v.version = s.vocabulary and v.side = s.side
where o.id = %(id)s
