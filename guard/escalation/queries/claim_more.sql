-- Claims what else is due for a channel, for one attempt each, the most severe first: like claim.sql, by time instead of by
-- name. A first attempt is due whether or not a message names it already: whoever asks holds the channel, and the fence
-- makes that message claim nothing.
with due as (
    select d.outbox_id, o.topic, o.payload, o.created_at, o.synthetic, c.kind, c.url, c.secret,
        case when c.previous_until > now() then c.previous_secret end as previous_secret
    from deliveries d
    join outbox o on o.tenant_id = d.tenant_id and o.id = d.outbox_id
    join channels c on c.tenant_id = d.tenant_id and c.id = d.channel_id
    cross join lateral (
        select case when jsonb_typeof(o.payload -> 'severity') = 'number' then (o.payload ->> 'severity')::numeric else 0 end
            as severity
    ) s
    where d.tenant_id = %(tenant_id)s and d.channel_id = %(channel_id)s
        and d.state = 'pending' and (d.next_at <= now() or d.attempts = 0) and c.enabled
        and (s.severity >= 3) = %(urgent)s
        and not exists (
            select from cases k
            where k.tenant_id = d.tenant_id and k.state = 'closed' and o.topic like 'case.%%'
                and k.id = case when o.payload ->> 'case_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                    then (o.payload ->> 'case_id')::uuid end
        )
    order by s.severity desc, d.next_at
    limit %(batch)s
    for update of d skip locked
)
update deliveries d
set attempts = d.attempts + 1, next_at = now() + make_interval(secs => %(lease)s)
from due
where d.tenant_id = %(tenant_id)s and d.channel_id = %(channel_id)s and d.outbox_id = due.outbox_id
returning d.outbox_id, d.attempts, d.spent, due.topic, due.payload, due.created_at, due.synthetic, due.kind, due.url,
    due.secret, due.previous_secret
