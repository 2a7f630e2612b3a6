revoke update (rung, next_rung_at) on cases from handrail_reviewer;
revoke insert on data_keys from handrail_reviewer;
revoke update (state, version) on sessions from handrail_reviewer;
revoke select (tenant_id, id, started_at, last_at) on sessions from handrail_auditor;
drop index cases_queue, cases_closed, cases_owner;
drop table reveals, feedback_reviews, feedback, case_notes, dispositions, case_leases;
drop function review_unchanged();
