-- Text is about to leave: on record before it does.
select audit_append(%(tenant_id)s::uuid, 'worker', 'opinion.asked', %(subject)s, %(detail)s::json)
