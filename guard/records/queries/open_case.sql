insert into cases (
    tenant_id, id, case_key, session_id, person, first_turn, last_turn, severity, assigned_to, opened_at, raised_at,
    acknowledge_by, act_by, synthetic
)
values (
    %(tenant_id)s, %(id)s, %(case_key)s, %(session_id)s, %(person)s, %(turn_id)s, %(turn_id)s, %(severity)s, %(to)s, %(at)s,
    %(at)s, %(acknowledge_by)s, %(act_by)s, %(synthetic)s
)
on conflict (tenant_id, case_key) where state <> 'closed' do nothing
returning id
