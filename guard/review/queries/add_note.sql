insert into case_notes (tenant_id, id, case_id, reviewer, at, key_id, note)
values (%(tenant_id)s, %(id)s, %(case_id)s, %(reviewer)s, %(at)s, %(key_id)s, %(note)s)
