update tenants set disabled_at = null where name = %(name)s and disabled_at is not null returning id
