-- The next turns of one tenant that have settled: the latest attempt of each, with its scores, its key and its sealed text.
select w.id, w.at, w.attempt, k.key, w.text_key, d.wrapped, w.text_user, s.side, s.model, v.signal_ids as ids, s.values,
    s.tiers, s.language, s.covered
from (
    select distinct on (t.at, t.id) t.id, t.at, t.attempt, t.text_key, t.text_user
    from turns t
    where t.tenant_id = %(tenant_id)s and t.at >= %(at)s and (t.at, t.id) > (%(at)s, %(turn_id)s)
        and t.at < now() - make_interval(secs => %(settled)s) and not t.synthetic
    order by t.at, t.id, t.attempt desc
    limit %(limit)s
) w
left join turn_keys k on k.tenant_id = %(tenant_id)s and k.turn_id = w.id
left join data_keys d on d.tenant_id = %(tenant_id)s and d.id = w.text_key
left join scores s on s.tenant_id = %(tenant_id)s and s.turn_id = w.id and s.turn_at = w.at and s.attempt = w.attempt
left join vocabularies v on v.version = s.vocabulary and v.side = s.side
order by w.at, w.id, s.side desc
