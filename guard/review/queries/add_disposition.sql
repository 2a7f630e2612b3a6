insert into dispositions (tenant_id, id, case_id, kind, undoes, reviewer, at, severity, synthetic)
values (%(tenant_id)s, %(id)s, %(case_id)s, %(kind)s, %(undoes)s, %(reviewer)s, %(at)s, %(severity)s, %(synthetic)s)
