-- Hands due deliveries to the broker for a while (``lease``): the table stays the truth, the broker's message is a hint
-- that carries ids. The most severe first; no channel takes more than ``share`` places of a batch. A channel is in trouble
-- while something that it failed to take still waits for it. A lane whose queue is full is left out.
with ranked as (
    select d.tenant_id, d.outbox_id, d.channel_id, d.next_at, s.severity,
        row_number() over (partition by d.tenant_id, d.channel_id, s.severity >= 3 order by s.severity desc, d.next_at) as place
    from deliveries d
    join channels c on c.tenant_id = d.tenant_id and c.id = d.channel_id
    join outbox o on o.tenant_id = d.tenant_id and o.id = d.outbox_id
    cross join lateral (
        select case when jsonb_typeof(o.payload -> 'severity') = 'number' then (o.payload ->> 'severity')::numeric else 0 end
            as severity
    ) s
    where d.state = 'pending' and d.next_at <= now() and c.enabled
        and case when s.severity >= 3 then %(urgent)s else %(routine)s end
), due as (
    select * from ranked where place <= %(share)s order by severity desc, next_at limit %(batch)s
), locked as (
    select d.tenant_id, d.outbox_id, d.channel_id, due.severity, exists (
            select from deliveries x
            where x.tenant_id = d.tenant_id and x.channel_id = d.channel_id and x.state = 'pending' and x.last_error is not null
        ) as troubled
    from deliveries d
    join due on due.tenant_id = d.tenant_id and due.outbox_id = d.outbox_id and due.channel_id = d.channel_id
    where d.state = 'pending' and d.next_at <= now()
    for update of d skip locked
)
update deliveries d
set next_at = now() + make_interval(secs => case when l.severity >= 3 then %(urgent_lease)s else %(routine_lease)s end)
from locked l
where d.tenant_id = l.tenant_id and d.outbox_id = l.outbox_id and d.channel_id = l.channel_id
returning d.tenant_id, d.channel_id, d.outbox_id, d.attempts, l.severity >= 3 as urgent, l.troubled
