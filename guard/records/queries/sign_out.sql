delete from review_sessions where tenant_id = %(tenant_id)s and reviewer_id = %(id)s
