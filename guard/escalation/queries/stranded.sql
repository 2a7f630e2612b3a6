-- Deliveries that wait for a channel which an operator has taken away: given up visibly, so that another one takes over.
update deliveries d set state = 'failed', last_error = 'channel_disabled'
from channels c
where c.tenant_id = d.tenant_id and c.id = d.channel_id and not c.enabled and d.state = 'pending'
returning d.tenant_id, d.channel_id, d.outbox_id
