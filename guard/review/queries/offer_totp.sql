update reviewers set totp_pending = %(sealed)s where tenant_id = %(tenant_id)s and id = %(id)s and totp_secret is null
