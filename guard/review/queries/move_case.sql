-- A case that is handed off begins its ladder anew: whoever is to take it has to be told. So does one that is taken: should it
-- be abandoned, nothing that was told before counts.
update cases
set state = %(state)s, owner = %(owner)s, acknowledged_at = %(acknowledged_at)s, closed_at = %(closed_at)s,
    version = version + 1,
    rung = case when %(state)s in ('acknowledged', 'handed_off') then 1 else rung end,
    next_rung_at = case when %(state)s in ('acknowledged', 'handed_off') then null else next_rung_at end
where tenant_id = %(tenant_id)s and id = %(case_id)s
returning version
