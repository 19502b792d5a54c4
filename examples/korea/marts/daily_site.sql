/*
owner: web team
description: The day of the travel site in one row
key: day
columns:
  buyers: different people who bought
  conversion: purchases / sessions; null on a day without sessions
  median_minutes: from the first search to the purchase
  known_searches: searches of signed-in people
checks:
  - unique: day
  - rows: {min: 1, max: 1}
  - {range: {column: conversion, min: 0, max: 1}, severity: warning}
*/
SELECT CAST($day AS DATE) AS day, s.sessions, q.searches, q.known_searches, c.clicks, p.purchases, p.buyers, p.won,
       CAST(p.purchases AS DOUBLE PRECISION) / nullif(s.sessions, 0) AS conversion, p.median_minutes
-- Each side is one row, also of a day without any.
FROM (SELECT count(*) AS sessions FROM sessions WHERE day = $day) AS s
CROSS JOIN (SELECT count(*) AS searches, count(user_id) AS known_searches FROM searches WHERE day = $day) AS q
CROSS JOIN (SELECT count(*) AS clicks FROM clicks WHERE day = $day) AS c
CROSS JOIN (
  SELECT count(*) AS purchases, count(DISTINCT user_id) AS buyers, CAST(coalesce(sum(price_krw), 0) AS BIGINT) AS won,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY minutes) AS median_minutes
  FROM purchase_paths
  WHERE day = $day
) AS p
