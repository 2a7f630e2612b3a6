-- All tenants, for the operator's own list.
select id, name, tag, people, store_text, off, deep_link, synthetic, created_at, disabled_at from tenants order by name
