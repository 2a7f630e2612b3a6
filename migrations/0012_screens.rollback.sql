alter table tenants drop column screens;
