-- One open alert a kind and tenant. A new one is told to the tenant's channels; a repeated one only counts.
with raised as (
    insert into operational_alerts (tenant_id, id, kind) values (%(tenant_id)s, %(id)s, %(kind)s)
    on conflict (tenant_id, kind) where closed_at is null
    do update set last_at = now(), count = operational_alerts.count + 1
    returning tenant_id, id, kind, opened_at, (xmax = 0) as fresh
)
insert into outbox (tenant_id, id, key, topic, payload)
select tenant_id, %(outbox_id)s, 'alert:' || id, 'alert.opened',
    jsonb_build_object('alert_id', id, 'kind', kind, 'opened_at', opened_at)
from raised where fresh
on conflict (tenant_id, key) do nothing
