-- The latest attempt of each turn of a session, newest first. Never text: whether there is any.
select distinct on (t.at, t.id) t.id, t.at, t.attempt, t.ordinal, t.action, t.severity, t.status, t.delivered, t.replayed,
    t.unscored, t.rules, t.policy, t.spoken, t.session, t.case_id, t.text_key is not null and k.wrapped is not null as has_text
from turns t
left join data_keys k on k.tenant_id = t.tenant_id and k.id = t.text_key
where t.tenant_id = %(tenant_id)s and t.session_id = %(session_id)s
    and (%(before_id)s::uuid is null or (t.at, t.id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
order by t.at desc, t.id desc, t.attempt desc
limit %(limit)s
