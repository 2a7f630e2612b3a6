select id, name, kind, url, topics, severity_from, enabled, disabled_reason, created_at
from channels where tenant_id = %(tenant_id)s order by name
