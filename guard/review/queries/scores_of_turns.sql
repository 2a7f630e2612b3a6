select s.turn_id, s.attempt, s.side, s.model, v.signal_ids as ids, s.values, s.tiers, s.tags, s.covered, s.language
from unnest(%(turn_ids)s::uuid[], %(attempts)s::smallint[]) as w (turn_id, attempt)
join scores s on s.tenant_id = %(tenant_id)s and s.turn_id = w.turn_id and s.attempt = w.attempt
    and s.turn_at between %(since)s and %(until)s
join vocabularies v on v.version = s.vocabulary and v.side = s.side
