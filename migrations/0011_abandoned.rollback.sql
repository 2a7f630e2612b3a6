drop index cases_ladder;
create index cases_ladder on cases (next_rung_at nulls first)
    where severity >= 2 and state in ('open', 'notified', 'handed_off');
