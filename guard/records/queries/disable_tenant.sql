update tenants set disabled_at = now() where name = %(name)s and disabled_at is null returning id
