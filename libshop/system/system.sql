-- sql_readiness() maybe struct readiness
-- The last change that Sqitch deployed; the plan's last is compiled in.
SELECT change FROM sqitch.changes ORDER BY committed_at DESC LIMIT 1;
