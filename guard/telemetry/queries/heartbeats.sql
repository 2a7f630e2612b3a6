select process, extract(epoch from max(at))::double precision as at from heartbeats group by process
