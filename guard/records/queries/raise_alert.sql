-- One open alert a kind. A new one is told once: to each tenant that has channels for it, or for the whole installation.
with raised as (
    insert into operational_alerts (tenant_id, id, kind, count) values (%(tenant_id)s, %(id)s, %(kind)s, %(count)s)
    on conflict (tenant_id, kind) where closed_at is null
    do update set last_at = now(), count = operational_alerts.count + excluded.count
    returning tenant_id, id, kind, opened_at
), fresh as (
    select * from raised where id = %(id)s
), listening as (
    select distinct c.tenant_id from channels c
    where %(everybody)s and c.enabled and 'alert.opened' = any (c.topics) and exists (select from fresh)
), told as (
    select tenant_id from listening
    union
    select f.tenant_id from fresh f where not exists (select from listening)
)
insert into outbox (tenant_id, id, key, topic, payload)
select t.tenant_id, gen_random_uuid(), 'alert:' || f.id, 'alert.opened',
    jsonb_build_object('alert_id', f.id, 'kind', f.kind, 'opened_at', f.opened_at)
from told t cross join fresh f
on conflict (tenant_id, key) do nothing
