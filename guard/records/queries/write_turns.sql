-- The rows of these attempts with their scores. A newer snapshot replaces an older one, never the other way round.
with given as (
    select * from unnest(
        %(tenant_id)s::uuid[], %(id)s::uuid[], %(at)s::timestamptz[], %(attempt)s::integer[], %(recorded_at)s::timestamptz[],
        %(session_id)s::uuid[], %(person)s::bytea[], %(ordinal)s::integer[], %(protocol)s::text[], %(streamed)s::boolean[],
        %(replayed)s::integer[], %(branch)s::boolean[], %(synthetic)s::boolean[], %(status)s::text[], %(action)s::text[],
        %(severity)s::integer[], %(policy)s::text[], %(vocabulary)s::integer[], %(zone)s::text[], %(unscored)s::text[],
        %(delivered)s::text[], %(rules)s::text[], %(spoken)s::text[], %(case_id)s::uuid[], %(text_key)s::uuid[],
        %(text_user)s::bytea[], %(text_reply)s::bytea[]
    ) as g (tenant_id, id, at, attempt, recorded_at, session_id, person, ordinal, protocol, streamed, replayed, branch,
        synthetic, status, action, severity, policy, vocabulary, zone, unscored, delivered, rules, spoken, case_id, text_key,
        text_user, text_reply)
), written as (
    insert into turns (
        tenant_id, id, at, attempt, tried_at, recorded_at, session_id, person, key_version, ordinal, protocol, streamed,
        replayed, branch, synthetic, status, action, severity, policy, vocabulary, zone, unscored, delivered, rules, spoken,
        case_id, text_key, text_user, text_reply
    )
    select tenant_id, id, at, attempt, recorded_at, recorded_at, session_id, person, %(key_version)s, ordinal, protocol,
        streamed, replayed, branch, synthetic, status, action, severity, policy, vocabulary, zone,
        array(select jsonb_array_elements_text(unscored::jsonb)), delivered, rules::jsonb, spoken::jsonb, case_id, text_key,
        text_user, text_reply
    from given
    order by tenant_id, id, attempt
    on conflict (tenant_id, id, attempt, at) do update set
        recorded_at = excluded.recorded_at, session_id = excluded.session_id, person = excluded.person,
        ordinal = excluded.ordinal, protocol = excluded.protocol, streamed = excluded.streamed,
        replayed = excluded.replayed, branch = excluded.branch, status = excluded.status, action = excluded.action,
        severity = excluded.severity, policy = excluded.policy, vocabulary = excluded.vocabulary, zone = excluded.zone,
        unscored = excluded.unscored, delivered = excluded.delivered, rules = excluded.rules, spoken = excluded.spoken,
        case_id = coalesce(excluded.case_id, turns.case_id), text_key = excluded.text_key,
        text_user = excluded.text_user, text_reply = excluded.text_reply
    where turns.recorded_at <= excluded.recorded_at
    returning tenant_id, id, at, attempt
)
insert into scores (
    tenant_id, turn_id, turn_at, attempt, side, vocabulary, model, language, covered, values, tiers, spans, tags
)
select w.tenant_id, w.id, w.at, w.attempt, s.side, s.vocabulary, s.model, s.language, s.covered, s.values::real[], s.tiers,
    s.spans::jsonb, s.tags::jsonb
from unnest(
    %(s_tenant_id)s::uuid[], %(s_id)s::uuid[], %(s_attempt)s::integer[], %(s_side)s::text[], %(s_vocabulary)s::integer[],
    %(s_model)s::text[], %(s_language)s::text[], %(s_covered)s::boolean[], %(s_values)s::text[], %(s_tiers)s::bytea[],
    %(s_spans)s::text[], %(s_tags)s::text[]
) as s (tenant_id, id, attempt, side, vocabulary, model, language, covered, values, tiers, spans, tags)
join written w on w.tenant_id = s.tenant_id and w.id = s.id and w.attempt = s.attempt
on conflict (tenant_id, turn_id, attempt, side, turn_at) do update set
    vocabulary = excluded.vocabulary, model = excluded.model, language = excluded.language, covered = excluded.covered,
    values = excluded.values, tiers = excluded.tiers, spans = excluded.spans, tags = excluded.tags
