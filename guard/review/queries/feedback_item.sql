-- One item with its note and the latest attempt of its turn, as far as that is on record.
select f.id, f.turn_id, f.kind, f.at, f.note, f.key_id, n.wrapped as note_wrapped, t.at as turn_at, t.attempt, t.delivered,
    t.text_key, t.text_user, t.text_reply, k.wrapped
from feedback f
left join data_keys n on n.tenant_id = f.tenant_id and n.id = f.key_id
left join lateral (
    select t.at, t.attempt, t.delivered, t.text_key, t.text_user, t.text_reply from turns t
    where t.tenant_id = f.tenant_id and t.id = f.turn_id
    order by t.attempt desc
    limit 1
) t on true
left join data_keys k on k.tenant_id = f.tenant_id and k.id = t.text_key
where f.tenant_id = %(tenant_id)s and f.id = %(feedback_id)s
