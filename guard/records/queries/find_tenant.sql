select id, name, tag, people, store_text, redact_upstream, off, screens, deep_link, synthetic, created_at, disabled_at, opinion_since
from tenants where name = %(name)s
