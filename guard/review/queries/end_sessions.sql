-- All of one reviewer's, but for one where it is to stay.
delete from review_sessions
where tenant_id = %(tenant_id)s and reviewer_id = %(reviewer_id)s and id is distinct from %(but)s
