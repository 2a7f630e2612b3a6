-- Named questions are due again in ``wait`` seconds. Those that were tried ``most`` times are given up.
with named as (
    select * from unnest(%(ids)s::uuid[], %(attempts)s::integer[]) as n (id, attempts)
)
update opinions o
set next_at = now() + make_interval(secs => %(wait)s),
    state = case when o.attempts >= %(most)s then 'failed' else 'asked' end,
    reason = case when o.attempts >= %(most)s then coalesce(%(reason)s::text, 'given_up') else %(reason)s::text end,
    ended_at = case when o.attempts >= %(most)s then now() end
from named n
where o.tenant_id = %(tenant_id)s and o.id = n.id and o.state = 'asked' and o.attempts = n.attempts
returning o.state
