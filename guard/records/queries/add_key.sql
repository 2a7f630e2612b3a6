insert into api_keys (tenant_id, id, prefix, digest) values (%(tenant_id)s, %(id)s, %(prefix)s, %(digest)s)
