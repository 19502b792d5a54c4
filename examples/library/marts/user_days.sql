/*
owner: data team
description: What each person did on the day, one row for everybody who was there
key: [day, user_id]
columns:
  requests: searches
  found: searches that found books
  selections: books chosen
checks:
  - unique: [day, user_id]
  - not_null: user_id
  - total: {measure: sum(requests), of: requests, equals: count(*)}
  - total: {measure: sum(selections), of: selections, equals: count(*)}
*/
-- Searches and choices are stacked, not joined: a join would count each search once for every choice.
SELECT day, user_id, CAST(sum(requests) AS BIGINT) AS requests, CAST(sum(found) AS BIGINT) AS found, CAST(sum(selections) AS BIGINT) AS selections
FROM (
  SELECT day, user_id, 1 AS requests, CASE WHEN failed THEN 0 ELSE 1 END AS found, 0 AS selections
  FROM requests
  WHERE day = $day
  UNION ALL
  SELECT day, user_id, 0 AS requests, 0 AS found, 1 AS selections
  FROM selections
  WHERE day = $day
) AS acts
GROUP BY day, user_id
