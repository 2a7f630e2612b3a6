drop trigger sessions_pseudonyms on sessions;
drop function end_pseudonyms_of_session();
drop table pseudonyms;
alter table tenants drop column redact_upstream;
