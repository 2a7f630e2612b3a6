select due from login_attempts where key = %(key)s
