-- Messages that somebody is still to be told: rows before the relay, and deliveries after it.
select
    (select count(*) from outbox where relayed_at is null)
    + (select count(*) from deliveries where state = 'pending') as waiting
