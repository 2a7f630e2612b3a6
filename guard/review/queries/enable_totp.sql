-- What was offered and confirmed, and not something that was offered since.
update reviewers set totp_secret = totp_pending, totp_pending = null, totp_step = %(step)s
where tenant_id = %(tenant_id)s and id = %(id)s and totp_pending = %(sealed)s and totp_secret is null
returning id
