/*
owner: web team
description: >-
  The day by channel. A search or click belongs to its session's channel, a purchase to the one session of purchase_paths. What has no session
  in the two days that end with the day is unknown.
key: [day, channel]
lookback: 1d
columns:
  sessions: visits that began on the day
  won: what the purchases cost
checks:
  - unique: [day, channel]
  - not_null: [channel, sessions, searches, clicks, purchases, won]
  - total: {measure: sum(sessions), of: sessions}
  - total: {measure: sum(searches), of: searches}
  - total: {measure: sum(clicks), of: clicks}
  - total: {measure: sum(purchases), of: purchase_paths}
*/
WITH visits AS (
  SELECT day, session_id, channel
  FROM sessions
  WHERE day >= CAST($day AS DATE) - 1 AND day <= $day
)
SELECT CAST($day AS DATE) AS day, channel, CAST(sum(sessions) AS BIGINT) AS sessions, CAST(sum(searches) AS BIGINT) AS searches,
       CAST(sum(clicks) AS BIGINT) AS clicks, CAST(sum(purchases) AS BIGINT) AS purchases, CAST(sum(won) AS BIGINT) AS won
FROM (
  SELECT channel, 1 AS sessions, 0 AS searches, 0 AS clicks, 0 AS purchases, 0 AS won
  FROM visits
  WHERE day = $day
  UNION ALL
  SELECT coalesce(v.channel, 'unknown') AS channel, 0 AS sessions, 1 AS searches, 0 AS clicks, 0 AS purchases, 0 AS won
  FROM searches AS s
  LEFT JOIN visits AS v ON v.session_id = s.session_id
  WHERE s.day = $day
  UNION ALL
  SELECT coalesce(v.channel, 'unknown') AS channel, 0 AS sessions, 0 AS searches, 1 AS clicks, 0 AS purchases, 0 AS won
  FROM clicks AS c
  LEFT JOIN visits AS v ON v.session_id = c.session_id
  WHERE c.day = $day
  UNION ALL
  SELECT coalesce(channel, 'unknown') AS channel, 0 AS sessions, 0 AS searches, 0 AS clicks, 1 AS purchases, price_krw AS won
  FROM purchase_paths
  WHERE day = $day
) AS acts
GROUP BY channel
