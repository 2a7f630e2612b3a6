drop function ensure_partitions(timestamptz);
drop table heartbeats, journal_replays, operational_alerts, deliveries, channels, outbox, case_events, cases, notices,
    referrals, scores, turns, turn_aliases, turn_keys, sessions, policies, vocabularies, signals, data_keys, reviewers, api_keys, tenants;
