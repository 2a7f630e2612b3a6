-- One data key and one channel's secret, if there are any.
select k.tenant_id as key_tenant, k.id as key_id, k.wrapped, c.tenant_id as channel_tenant, c.secret
from (select) as always
left join lateral (select tenant_id, id, wrapped from data_keys where wrapped is not null limit 1) k on true
left join lateral (select tenant_id, secret from channels where secret is not null limit 1) c on true
