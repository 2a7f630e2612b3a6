-- A message of a case reached a receiver: the case becomes ``notified`` if it was open, and the event stands once per
-- message and channel, with the severity that the message told. A message that is older than a raise tells nobody of the
-- higher severity: the case stays open. Only a message of the case's own tenant can name it.
with told as (
    select c.tenant_id, c.id, c.state, c.severity, greatest(0, least(c.severity, case
            when jsonb_typeof(o.payload -> 'severity') = 'number' then (o.payload ->> 'severity')::numeric else 0
        end))::smallint as told
    from outbox o
    join cases c on c.tenant_id = o.tenant_id
        and c.id::text = coalesce(o.payload ->> 'case_id', o.payload ->> 'case')
    where o.tenant_id = %(tenant_id)s and o.id = %(outbox_id)s and o.topic like 'case.%%'
    for update of c
), moved as (
    update cases c set state = 'notified', version = c.version + 1
    from told t where c.tenant_id = t.tenant_id and c.id = t.id and t.state = 'open' and t.told >= t.severity
    returning 1
)
insert into case_events (tenant_id, case_id, id, key, kind, at, severity, detail)
select t.tenant_id, t.id, %(event_id)s, %(key)s, 'notified', now(), t.told,
    jsonb_build_object('channel', %(channel_id)s::uuid, 'message', %(outbox_id)s::uuid)
from told t
on conflict (tenant_id, case_id, key) do nothing
