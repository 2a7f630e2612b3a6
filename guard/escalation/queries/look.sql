-- When this case is looked at again. Its version stays: nothing that somebody decides about has changed.
update cases
set rung = greatest(rung, %(rung)s), next_rung_at = coalesce(%(at)s::timestamptz, 'infinity')
where tenant_id = %(tenant_id)s and id = %(case_id)s
