/*
owner: data team
description: The hundred people who chose books from most searches, ties by name; who chose none is not known here
key: [day, rank]
columns:
  requests: different searches from whose results the person chose
checks:
  - unique: [day, rank]
  - unique: [day, user_id]
  - rows: {max: 100}
*/
SELECT day, rank, user_id, requests
FROM (
  SELECT day, user_id, count(DISTINCT query_id) AS requests,
         row_number() OVER (ORDER BY count(DISTINCT query_id) DESC, user_id) AS rank
  FROM selections
  WHERE day = $day
  GROUP BY day, user_id
) AS users
WHERE rank <= 100
