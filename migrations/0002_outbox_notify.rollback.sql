drop index deliveries_channel;
drop trigger outbox_notify on outbox;
drop function outbox_notify();
