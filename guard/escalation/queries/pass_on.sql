-- The next channel for messages that one did not take. It has to be on call for them, not to have them yet, and one takes
-- over from another once. For a case of severity 3 and above whoever is told of cases will do; what is no case has no severity.
-- ``reachable``: whether anybody still may get the message, or has.
with missed as (
    select o.tenant_id, o.id, o.topic, o.synthetic, o.topic like 'case.%%' as of_case,
        case when jsonb_typeof(o.payload -> 'severity') = 'number' then (o.payload ->> 'severity')::numeric else 0 end as severity
    from outbox o
    where o.tenant_id = %(tenant_id)s and o.id = any (%(outbox_ids)s::uuid[])
    for update of o
), successor as (
    select distinct on (m.id) m.tenant_id, m.id, m.synthetic, c.id as channel_id
    from missed m
    join channels c on c.tenant_id = m.tenant_id and c.enabled and c.id <> %(channel_id)s
        and (m.topic = any (c.topics) or (m.of_case and c.topics && array['case.opened', 'case.raised']))
        and (c.severity_from <= m.severity or not m.of_case or m.severity >= 3)
    where not exists (
            select from deliveries d
            where d.tenant_id = m.tenant_id and d.outbox_id = m.id
                and (d.channel_id = c.id or d.instead_of = %(channel_id)s)
        )
    order by m.id, c.rung, c.created_at, c.name
), made as (
    insert into deliveries (tenant_id, outbox_id, channel_id, instead_of, next_at, synthetic)
    select tenant_id, id, channel_id, %(channel_id)s, now(), synthetic from successor
    on conflict do nothing
    returning outbox_id
)
select m.id as outbox_id, m.severity, m.of_case,
    exists (select from made x where x.outbox_id = m.id) as passed_on,
    exists (select from made x where x.outbox_id = m.id) or exists (
        select from deliveries d
        where d.tenant_id = m.tenant_id and d.outbox_id = m.id and d.state in ('pending', 'delivered')
    ) as reachable
from missed m
