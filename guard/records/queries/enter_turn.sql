-- Enters a turn into the ledger whose claim was never recorded. Where its key is an earlier turn's, it is a further attempt.
insert into turn_keys (tenant_id, key, turn_id, turn_at, session_id, attempts, synthetic)
values (%(tenant_id)s, %(key)s, %(turn_id)s, %(at)s, %(session_id)s, %(attempt)s, %(synthetic)s)
on conflict (tenant_id, key) do update set attempts = turn_keys.attempts + 1
returning turn_id, turn_at, session_id, attempts
