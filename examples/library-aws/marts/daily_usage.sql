/*
owner: data team
description: The day in one row
key: day
columns:
  requests: searches
  failed: those that found no book
  failure_rate: failed / requests, a ratio of all searches
  selections_per_request: books chosen for each search that had any chosen; null on a day without choices
checks:
  - unique: day
  - not_null: [requests, failed, failure_rate]
  - rows: {min: 1, max: 1}
  - total: {measure: sum(requests), of: requests, equals: count(*)}
  - total: {measure: sum(failed), of: requests, equals: count(CASE WHEN failed THEN 1 END)}
*/
SELECT r.day, r.requests, r.failed,
       CAST(r.failed AS DOUBLE PRECISION) / r.requests AS failure_rate,
       s.selections_per_request
FROM (
  SELECT day, count(*) AS requests, count(CASE WHEN failed THEN 1 END) AS failed
  FROM requests
  WHERE day = $day
  GROUP BY day
) AS r
-- Both sides are one row of the day: the join cannot make either more.
LEFT JOIN (
  SELECT day, CAST(count(*) AS DOUBLE PRECISION) / count(DISTINCT query_id) AS selections_per_request
  FROM selections
  WHERE day = $day
  GROUP BY day
) AS s ON s.day = r.day
