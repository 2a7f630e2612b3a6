-- What somebody is still to be told and the relay has not taken.
select count(*)::bigint as waiting, extract(epoch from min(available_at))::double precision as since
from outbox where relayed_at is null and available_at <= now()
