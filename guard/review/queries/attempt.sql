-- Counts one attempt where it is allowed; no row where it is not.
insert into login_attempts as a (key, due) values (%(key)s, %(now)s + %(every)s)
on conflict (key) do update set due = greatest(a.due, %(now)s) + %(every)s
where greatest(a.due, %(now)s) + %(every)s - %(now)s <= %(most)s
returning due
