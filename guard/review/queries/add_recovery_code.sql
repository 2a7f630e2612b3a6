insert into recovery_codes (tenant_id, reviewer_id, digest) values (%(tenant_id)s, %(reviewer_id)s, %(digest)s)
