-- What is paid for says nothing any more. Some of it each time, so that nobody waits for it.
delete from login_attempts where key in (
    select key from login_attempts where due < %(now)s order by due limit 100 for update skip locked
)
