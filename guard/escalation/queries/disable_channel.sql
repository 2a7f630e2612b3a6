-- The receiver said 410: the channel takes nothing more, and what still waited for it is given up visibly.
with disabled as (
    update channels set enabled = false, disabled_reason = 'gone'
    where tenant_id = %(tenant_id)s and id = %(channel_id)s and enabled
    returning tenant_id, id
)
update deliveries d set state = 'failed', last_error = 'channel_disabled'
from disabled x
where d.tenant_id = x.tenant_id and d.channel_id = x.id and d.state = 'pending'
returning d.outbox_id
