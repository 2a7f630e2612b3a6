-- All tenants, for the operator's own list.
select id, name, tag, people, store_text, redact_upstream, off, screens, deep_link, synthetic, created_at, disabled_at, opinion_since
from tenants order by name
