insert into reveals (tenant_id, id, case_id, feedback_id, turn_id, attempt, reviewer, at)
values (%(tenant_id)s, %(id)s, %(case_id)s, %(feedback_id)s, %(turn_id)s, %(attempt)s, %(reviewer)s, %(at)s)
