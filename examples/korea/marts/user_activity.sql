/*
owner: web team
description: What each signed-in person did on the day, one row for everybody who did something
key: [day, user_id]
columns:
  won: what the purchases cost
checks:
  - unique: [day, user_id]
  - total: {measure: sum(searches), of: searches, equals: count(user_id)}
  - total: {measure: sum(clicks), of: clicks, equals: count(user_id)}
  - total: {measure: sum(purchases), of: purchases}
*/
-- Stacked, not joined: a join would count each search once for every click and purchase.
SELECT day, user_id, CAST(sum(searches) AS BIGINT) AS searches, CAST(sum(clicks) AS BIGINT) AS clicks,
       CAST(sum(purchases) AS BIGINT) AS purchases, CAST(sum(won) AS BIGINT) AS won
FROM (
  SELECT day, user_id, 1 AS searches, 0 AS clicks, 0 AS purchases, 0 AS won
  FROM searches
  WHERE day = $day AND user_id IS NOT NULL
  UNION ALL
  SELECT day, user_id, 0 AS searches, 1 AS clicks, 0 AS purchases, 0 AS won
  FROM clicks
  WHERE day = $day AND user_id IS NOT NULL
  UNION ALL
  SELECT day, user_id, 0 AS searches, 0 AS clicks, 1 AS purchases, price_krw AS won
  FROM purchases
  WHERE day = $day
) AS acts
GROUP BY day, user_id
