update reviewers set totp_secret = null, totp_pending = null, totp_step = null
where tenant_id = %(tenant_id)s and id = %(id)s and totp_secret is not null
returning id
