-- New evidence. A higher severity has to be acknowledged again, from the first rung on: who took a case of severity 3 did
-- not take one of 4.
update cases
set last_turn = %(turn_id)s, severity = greatest(severity, %(severity)s), version = version + 1,
    rung = case when %(severity)s > severity then 1 else rung end,
    next_rung_at = case when %(severity)s > severity then null else next_rung_at end,
    raised_at = case when %(severity)s > severity then %(at)s else raised_at end,
    assigned_to = case when %(severity)s > severity then %(to)s else assigned_to end,
    state = case when %(severity)s > severity then 'open' else state end,
    acknowledged_at = case when %(severity)s > severity then null else acknowledged_at end,
    acknowledge_by = case
        when %(severity)s <= severity then acknowledge_by
        when acknowledged_at is null then least(acknowledge_by, %(acknowledge_by)s)
        else %(acknowledge_by)s
    end,
    act_by = case when %(severity)s > severity then least(act_by, %(act_by)s) else act_by end
where tenant_id = %(tenant_id)s and id = %(id)s
returning severity, acknowledge_by, act_by
