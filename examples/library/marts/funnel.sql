/*
owner: data team
description: How many searches got how far
key: [day, step]
columns:
  step: 1 to 3, in order
  stage: searched, found (any book), selected (any book of the result)
  requests: different searches that got there
checks:
  - unique: [day, step]
  - rows: {min: 3, max: 3}
  - accepted: {column: stage, values: [searched, found, selected]}
  - total: {measure: max(requests), of: requests, equals: count(*)}
*/
SELECT CAST($day AS DATE) AS day, 1 AS step, 'searched' AS stage, count(*) AS requests
FROM requests
WHERE day = $day
UNION ALL
SELECT CAST($day AS DATE) AS day, 2 AS step, 'found' AS stage, count(CASE WHEN NOT failed THEN 1 END) AS requests
FROM requests
WHERE day = $day
UNION ALL
SELECT CAST($day AS DATE) AS day, 3 AS step, 'selected' AS stage, count(DISTINCT r.query_id) AS requests
FROM requests AS r
JOIN selections AS s ON s.day = r.day AND s.query_id = r.query_id
WHERE r.day = $day AND s.day = $day AND NOT r.failed
