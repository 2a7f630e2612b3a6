-- Every kind that ever was, so that one that is over is seen to be over.
select kind, count(*) filter (where closed_at is null)::bigint as open from operational_alerts group by kind
