-- Wakes the relay when something is to be told. A lost notification costs one poll, never a message. Rolled back by
-- 0002_outbox_notify.rollback.sql.

create function outbox_notify() returns trigger language plpgsql as $$
begin
    notify handrail_outbox;
    return null;
end
$$;

create trigger outbox_notify after insert on outbox for each statement execute function outbox_notify();

-- What waits for one channel: asked for with every batch.
create index deliveries_channel on deliveries (tenant_id, channel_id, next_at) where state = 'pending';
