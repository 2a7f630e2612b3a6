drop trigger turns_opinions on turns;
drop function forget_opinions();
drop table opinion_endpoints, opinion_cursors, opinions;
alter table tenants drop column opinion_since;
