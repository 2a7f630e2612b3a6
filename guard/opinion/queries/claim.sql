-- Claims one question for one attempt, with the words that it is about. ``attempts`` is a fence: a message that came twice, or
-- late, claims nothing. Where the tenant was switched off meanwhile nothing is claimed either.
with claimed as (
    update opinions o set attempts = o.attempts + 1, next_at = now() + make_interval(secs => %(lease)s)
    from tenants t
    where o.tenant_id = %(tenant_id)s and o.id = %(id)s and o.state = 'asked' and o.attempts = %(attempts)s
        and t.id = o.tenant_id and t.opinion_since <= o.turn_at and t.disabled_at is null
    returning o.tenant_id, o.id, o.turn_id, o.turn_at, o.attempt, o.side, o.rubric, o.attempts
)
select c.id, c.turn_id, c.side, c.rubric, c.attempts, t.text_key, k.wrapped, t.text_user, t.text_reply
from claimed c
left join turns t on t.tenant_id = c.tenant_id and t.id = c.turn_id and t.at = c.turn_at and t.attempt = c.attempt
left join data_keys k on k.tenant_id = c.tenant_id and k.id = t.text_key
