-- This process lives. Rows of processes that are long gone go.
with beat as (
    insert into heartbeats (process, host, pid) values (%(process)s, %(host)s, %(pid)s)
    on conflict (process, host, pid) do update set at = now()
)
delete from heartbeats where at < now() - interval '1 day' and process = %(process)s
