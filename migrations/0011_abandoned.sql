-- A case that somebody took and that nobody acts on climbs the ladder again: the ladder's index follows. Rolled back by
-- 0011_abandoned.rollback.sql.
-- depends: 0010_hand_off

drop index cases_ladder;
create index cases_ladder on cases (next_rung_at nulls first) where severity >= 2 and state <> 'closed';
