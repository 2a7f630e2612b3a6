-- A one-time code is taken once: of two at the same moment one finds the step taken.
update reviewers set totp_step = %(step)s
where tenant_id = %(tenant_id)s and id = %(id)s and totp_secret is not null and (totp_step is null or totp_step < %(step)s)
returning id
