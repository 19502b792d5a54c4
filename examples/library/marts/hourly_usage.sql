/*
owner: data team
description: Searches by hour of the day; an hour in which nobody searched is zero
key: [day, hour]
columns:
  hour: 0 to 23 in the project's time zone
  requests: searches
  failed: those that found no book
checks:
  - unique: [day, hour]
  - rows: {min: 24, max: 24}
  - total: {measure: sum(requests), of: requests, equals: count(*)}
  - total: {measure: sum(failed), of: requests, equals: count(CASE WHEN failed THEN 1 END)}
*/
SELECT CAST($day AS DATE) AS day, h.hour, count(r.query_id) AS requests, count(CASE WHEN r.failed THEN 1 END) AS failed
FROM (
  SELECT six.n * 6 + one.n AS hour
  FROM (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS six
  CROSS JOIN (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) AS one
) AS h
LEFT JOIN requests AS r ON r.day = $day AND extract(hour FROM r.searched_at) = h.hour
GROUP BY h.hour
