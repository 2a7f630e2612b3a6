-- The session's signals as the decision read them, by name: a state is a word, an amount a number. Never text. Rolled back by
-- 0003_turn_session.rollback.sql.
alter table turns add column session jsonb not null default '{}';
