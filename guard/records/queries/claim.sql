-- Which turns these keys are, all claims of one moment in one statement. ``count``: how many of them ask for this key.
-- The insert with its conflict clause decides: whatever runs at the same time, a key has one turn and attempts add up.
-- A session that is missing is opened; where somebody else opens it meanwhile, the conflict clause returns theirs.
with asked as (
    select * from unnest(
        %(n)s::integer[], %(tenant_id)s::uuid[], %(key)s::bytea[], %(turn_id)s::uuid[], %(at)s::timestamptz[],
        %(session_id)s::uuid[], %(session_key)s::bytea[], %(new_session)s::uuid[], %(person)s::bytea[],
        %(thread)s::bytea[], %(count)s::integer[], %(synthetic)s::boolean[], %(known_version)s::bigint[]
    ) as a (n, tenant_id, key, turn_id, at, session_id, session_key, new_session, person, thread, count, synthetic,
        known_version)
), known as (
    select a.n, s.id
    from asked a join sessions s on s.tenant_id = a.tenant_id and s.key = a.session_key
    where a.session_id is null
), opened as (
    insert into sessions (tenant_id, id, key, key_version, person, started_at, last_at, state, synthetic)
    select distinct on (a.tenant_id, a.session_key)
        a.tenant_id, a.new_session, a.session_key, %(key_version)s, a.person, a.at, a.at, '{}', a.synthetic
    from asked a
    where a.session_id is null and a.session_key is not null and not exists (select from known k where k.n = a.n)
    order by a.tenant_id, a.session_key
    on conflict (tenant_id, key) do update set last_at = greatest(sessions.last_at, excluded.last_at)
    returning tenant_id, id, key, version, state
), keyed as (
    insert into turn_keys (tenant_id, key, turn_id, turn_at, session_id, thread, attempts, synthetic)
    select a.tenant_id, a.key, a.turn_id, a.at, coalesce(a.session_id, k.id, o.id), a.thread, a.count, a.synthetic
    from asked a
    left join known k on k.n = a.n
    left join opened o on o.tenant_id = a.tenant_id and o.key = a.session_key
    order by a.tenant_id, a.key
    on conflict (tenant_id, key) do update set attempts = turn_keys.attempts + excluded.attempts
    returning tenant_id, key, turn_id, turn_at, session_id, attempts
)
select a.n, k.turn_id, k.turn_at, k.attempts, k.session_id, coalesce(s.version, o.version) as version,
    case when coalesce(s.version, o.version) <> a.known_version then coalesce(s.state, o.state) end as state
from asked a
join keyed k on k.tenant_id = a.tenant_id and k.key = a.key
left join sessions s on s.tenant_id = k.tenant_id and s.id = k.session_id
left join opened o on o.tenant_id = k.tenant_id and o.id = k.session_id
