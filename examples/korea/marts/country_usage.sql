/*
owner: web team
description: The day by country of the people who have an account; who has said none is unknown
key: [day, country]
columns:
  users: people who had registered by the day, whether they did something or not
  active: those who did something on the day
  buyers: those who bought
checks:
  - unique: [day, country]
  - not_null: [users, active, searches, clicks, purchases, buyers]
  - total: {measure: sum(active), of: user_activity}
  - total: {measure: sum(searches), of: user_activity, equals: sum(searches)}
  - total: {measure: sum(purchases), of: user_activity, equals: sum(purchases)}
  - {rule: active <= users, severity: warning}
*/
-- People and what they did are stacked: who did nothing is counted, and nobody's searches are counted twice.
SELECT CAST($day AS DATE) AS day, country, CAST(sum(users) AS BIGINT) AS users, CAST(sum(active) AS BIGINT) AS active,
       CAST(sum(searches) AS BIGINT) AS searches, CAST(sum(clicks) AS BIGINT) AS clicks,
       CAST(sum(purchases) AS BIGINT) AS purchases, CAST(sum(buyers) AS BIGINT) AS buyers, CAST(sum(won) AS BIGINT) AS won
FROM (
  SELECT coalesce(u.country, 'unknown') AS country, 1 AS users, 0 AS active, 0 AS searches, 0 AS clicks, 0 AS purchases, 0 AS buyers, 0 AS won
  FROM users AS u
  WHERE u.registration_date <= $day
  UNION ALL
  SELECT coalesce(u.country, 'unknown') AS country, 0 AS users, 1 AS active, a.searches, a.clicks, a.purchases,
         CASE WHEN a.purchases > 0 THEN 1 ELSE 0 END AS buyers, a.won
  FROM user_activity AS a
  LEFT JOIN users AS u ON u.user_id = a.user_id
  WHERE a.day = $day
) AS acts
GROUP BY country
