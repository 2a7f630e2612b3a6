-- Claims the named deliveries for one attempt each. ``attempts`` is a fence: a message that was delivered twice, or that
-- came late, names an attempt that is over and claims nothing. The attempt is counted before anything is sent. Nobody is told of
-- a case that is closed.
with named as (
    select * from unnest(%(outbox_ids)s::uuid[], %(attempts)s::integer[]) as n (outbox_id, attempts)
)
update deliveries d
set attempts = d.attempts + 1, next_at = now() + make_interval(secs => %(lease)s)
from named n, outbox o, channels c
where d.tenant_id = %(tenant_id)s and d.channel_id = %(channel_id)s and d.outbox_id = n.outbox_id
    and d.state = 'pending' and d.attempts = n.attempts
    and o.tenant_id = d.tenant_id and o.id = d.outbox_id
    and c.tenant_id = d.tenant_id and c.id = d.channel_id and c.enabled
    and not exists (
        select from cases k
        where k.tenant_id = d.tenant_id and k.state = 'closed' and o.topic like 'case.%%'
            and k.id = case when o.payload ->> 'case_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                then (o.payload ->> 'case_id')::uuid end
    )
returning d.outbox_id, d.attempts, d.spent, o.topic, o.payload, o.created_at, o.synthetic, c.kind, c.url, c.secret,
    case when c.previous_until > now() then c.previous_secret end as previous_secret
