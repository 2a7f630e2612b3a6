drop index cases_queue, cases_closed, cases_owner;
drop table reveals, feedback_reviews, feedback, case_notes, dispositions, case_leases;
drop function review_unchanged();
