select id, name, roles, totp_secret is not null as has_totp, created_at, disabled_at
from reviewers where tenant_id = %(tenant_id)s order by name
