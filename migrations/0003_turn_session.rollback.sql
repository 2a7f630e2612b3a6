alter table turns drop column session;
