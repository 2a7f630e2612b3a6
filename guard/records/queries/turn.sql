-- The latest attempt of a turn, by its id or by one that was given out while the database was away.
with wanted as (
    select coalesce(
        (select l.turn_id from turn_aliases l where l.tenant_id = %(tenant_id)s and l.id = %(turn_id)s), %(turn_id)s
    ) as id
)
select t.id, t.session_id, t.at, t.attempt, t.replayed, t.status, t.action, t.policy, t.vocabulary, t.rules, t.case_id,
    t.session, t.spoken -> 'redacted' as redacted, t.spoken -> 'kept' as kept, t.delivered,
    t.text_key, t.text_user, t.text_reply, k.wrapped,
    (
        select coalesce(jsonb_agg(jsonb_build_object(
            'side', s.side, 'ids', v.signal_ids, 'model', s.model, 'language', s.language, 'covered', s.covered,
            'values', to_jsonb(s.values), 'tiers', encode(s.tiers, 'hex'), 'spans', s.spans, 'tags', s.tags
        )), '[]')
        from scores s
        join vocabularies v on v.version = s.vocabulary and v.side = s.side
        where s.tenant_id = t.tenant_id and s.turn_id = t.id and s.turn_at = t.at and s.attempt = t.attempt
    ) as scores,
    (
        select coalesce(jsonb_agg(jsonb_build_object(
            'at', r.at, 'classes', r.classes, 'resources', r.resources, 'country', r.country, 'crisis', r.crisis
        )), '[]')
        from referrals r where r.tenant_id = t.tenant_id and r.turn_id = t.id
    ) as referrals
from wanted w
join turns t on t.tenant_id = %(tenant_id)s and t.id = w.id
left join data_keys k on k.tenant_id = t.tenant_id and k.id = t.text_key
order by t.attempt desc
limit 1
