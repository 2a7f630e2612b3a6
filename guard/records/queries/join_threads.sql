-- For sessionless requests of known people: is the key known (``own_id``), which recent turn is this one's retry, and which
-- session, if exactly one, recorded the message before (``joined``).
with asked as (
    select * from unnest(
        %(n)s::integer[], %(tenant_id)s::uuid[], %(key)s::bytea[], %(thread)s::bytea[], %(joins)s::bytea[],
        %(retry)s::boolean[], %(at)s::timestamptz[]
    ) as a (n, tenant_id, key, thread, joins, retry, at)
)
select a.n, own.turn_id as own_id, earlier.key as retry_key,
    case when joined.sessions = 1 then joined.session_id end as joined
from asked a
left join turn_keys own on own.tenant_id = a.tenant_id and own.key = a.key
left join lateral (
    select k.key from turn_keys k
    where a.retry and k.tenant_id = a.tenant_id and k.thread = a.thread
        and k.turn_at > a.at - interval '10 minutes' and k.turn_at <= a.at + interval '10 minutes'
    order by k.turn_at desc, k.turn_id desc
    limit 1
) earlier on true
left join lateral (
    -- Two are enough to know that it is ambiguous.
    select count(*) as sessions, min(few.session_id::text)::uuid as session_id
    from (
        select distinct k.session_id from turn_keys k
        where k.tenant_id = a.tenant_id and k.thread = a.joins and k.session_id is not null
        limit 2
    ) few
) joined on true
