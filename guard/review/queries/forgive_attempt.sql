-- An attempt that was right costs nothing; of the name that was right all others are forgotten as well.
update login_attempts set due = case when %(wholly)s then '-infinity' else due - %(every)s end where key = %(key)s
