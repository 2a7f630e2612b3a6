-- A case that was handed off waits until it is taken, whoever it was handed to: the ladder's index follows. Rolled back by
-- 0010_hand_off.rollback.sql.
-- depends: 0009_pseudonyms

drop index cases_ladder;
create index cases_ladder on cases (next_rung_at nulls first)
    where severity >= 2 and state in ('open', 'notified', 'handed_off');
