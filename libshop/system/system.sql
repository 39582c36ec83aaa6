-- sql_readiness(needed text) maybe struct readiness
-- The last change that Sqitch deployed, if the one that is needed is there: a
-- database may be ahead of the program that it serves.
SELECT change FROM sqitch.changes
 WHERE EXISTS (SELECT FROM sqitch.changes WHERE change = :needed)
 ORDER BY committed_at DESC LIMIT 1;
