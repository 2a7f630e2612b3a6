-- Somebody else is at this channel: the named deliveries are looked at again soon.
with named as (
    select * from unnest(%(outbox_ids)s::uuid[], %(attempts)s::integer[]) as n (outbox_id, attempts)
)
update deliveries d set next_at = least(d.next_at, now() + make_interval(secs => %(wait)s))
from named n
where d.tenant_id = %(tenant_id)s and d.channel_id = %(channel_id)s and d.outbox_id = n.outbox_id
    and d.state = 'pending' and d.attempts = n.attempts
