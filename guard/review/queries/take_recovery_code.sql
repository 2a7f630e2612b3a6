update recovery_codes set used_at = %(now)s
where tenant_id = %(tenant_id)s and reviewer_id = %(reviewer_id)s and digest = %(digest)s and used_at is null
returning (select count(*) from recovery_codes c where c.tenant_id = recovery_codes.tenant_id
           and c.reviewer_id = recovery_codes.reviewer_id and c.used_at is null) - 1 as left
