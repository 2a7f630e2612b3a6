drop trigger reviewers_password on reviewers;
drop function end_sessions_of_reviewer();
alter table reviewers drop column totp_step, drop column totp_pending, drop column password_changed_at;
drop table recovery_codes, login_attempts, review_sessions;
