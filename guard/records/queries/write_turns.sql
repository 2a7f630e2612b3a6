-- The rows of these attempts with their scores. A newer snapshot replaces an older one, never the other way round.
with given as (
    select * from json_to_recordset(%(turns)s::json) as g (
        tenant_id uuid, id uuid, at timestamptz, attempt integer, recorded_at timestamptz, session_id uuid, person bytea,
        ordinal integer, protocol text, streamed boolean, replayed integer, branch boolean, synthetic boolean, status text,
        action text, severity integer, policy text, vocabulary integer, zone text, unscored text[], delivered text,
        rules jsonb, session jsonb, spoken jsonb, case_id uuid, text_key uuid, text_user bytea, text_reply bytea
    )
), written as (
    insert into turns (
        tenant_id, id, at, attempt, tried_at, recorded_at, session_id, person, key_version, ordinal, protocol, streamed,
        replayed, branch, synthetic, status, action, severity, policy, vocabulary, zone, unscored, delivered, rules, session,
        spoken, case_id, text_key, text_user, text_reply
    )
    select tenant_id, id, at, attempt, recorded_at, recorded_at, session_id, person, %(key_version)s, ordinal, protocol,
        streamed, replayed, branch, synthetic, status, action, severity, policy, vocabulary, zone,
        unscored, delivered, rules, coalesce(session, '{}'), spoken, case_id, text_key, text_user, text_reply
    from given
    order by tenant_id, id, attempt
    on conflict (tenant_id, id, attempt, at) do update set
        recorded_at = excluded.recorded_at, session_id = excluded.session_id, person = excluded.person,
        ordinal = coalesce(nullif(turns.ordinal, 0), excluded.ordinal), protocol = excluded.protocol,
        streamed = excluded.streamed,
        replayed = excluded.replayed, branch = excluded.branch, status = excluded.status, action = excluded.action,
        severity = excluded.severity, policy = excluded.policy, vocabulary = excluded.vocabulary, zone = excluded.zone,
        unscored = excluded.unscored, delivered = excluded.delivered, rules = excluded.rules,
        session = excluded.session, spoken = excluded.spoken,
        case_id = coalesce(excluded.case_id, turns.case_id), text_key = excluded.text_key,
        text_user = excluded.text_user, text_reply = excluded.text_reply
    where turns.recorded_at <= excluded.recorded_at
    returning tenant_id, id, at, attempt
)
insert into scores (
    tenant_id, turn_id, turn_at, attempt, side, vocabulary, model, language, covered, values, tiers, spans, tags
)
select w.tenant_id, w.id, w.at, w.attempt, s.side, s.vocabulary, s.model, s.language, s.covered, s.values, s.tiers, s.spans,
    s.tags
from json_to_recordset(%(scores)s::json) as s (
    tenant_id uuid, id uuid, attempt integer, side text, vocabulary integer, model text, language text, covered boolean,
    values real[], tiers bytea, spans jsonb, tags jsonb
)
join written w on w.tenant_id = s.tenant_id and w.id = s.id and w.attempt = s.attempt
on conflict (tenant_id, turn_id, attempt, side, turn_at) do update set
    vocabulary = excluded.vocabulary, model = excluded.model, language = excluded.language, covered = excluded.covered,
    values = excluded.values, tiers = excluded.tiers, spans = excluded.spans, tags = excluded.tags
