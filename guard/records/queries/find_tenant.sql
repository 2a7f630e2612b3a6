select id, name, tag, people, store_text, off, deep_link, synthetic, created_at, disabled_at from tenants where name = %(name)s
