-- An entry of the journal counts once: no row comes back for one that was replayed before.
insert into journal_replays (id) values (%(id)s) on conflict (id) do nothing returning id
