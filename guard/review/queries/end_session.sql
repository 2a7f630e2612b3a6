delete from review_sessions where digest = %(digest)s returning tenant_id, id, reviewer_id, waits_for_code
