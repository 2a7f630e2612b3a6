select from tenants where name = %(name)s for update
