/*
owner: sales team
description: >-
  The seven days that end with the day beside the seven before them. Any seven days have six open ones; nothing is compared unless all
  twelve are there
key: day
lookback: 13d
columns:
  days: open days of this week that are there
  days_before: open days of the week before that are there
  net: US dollars of this week, as in daily_sales
  change: net / net_before - 1; null unless both weeks are whole
checks:
  - unique: day
  - rows: {min: 1, max: 1}
  - range: {column: days, min: 0, max: 6}
  - range: {column: days_before, min: 0, max: 6}
*/
SELECT CAST($day AS DATE) AS day, days, days_before, orders, orders_before, gross, cancelled, net, net_before,
       CASE WHEN days = 6 AND days_before = 6 THEN CAST(net AS DOUBLE PRECISION) / CAST(nullif(net_before, 0) AS DOUBLE PRECISION) - 1 END AS change
FROM (
  SELECT count(CASE WHEN recent = 1 THEN 1 END) AS days,
         count(CASE WHEN recent = 0 THEN 1 END) AS days_before,
         CAST(sum(CASE WHEN recent = 1 THEN orders END) AS BIGINT) AS orders,
         CAST(sum(CASE WHEN recent = 0 THEN orders END) AS BIGINT) AS orders_before,
         CAST(sum(CASE WHEN recent = 1 THEN gross END) AS DECIMAL(18,2)) AS gross,
         CAST(sum(CASE WHEN recent = 1 THEN cancelled END) AS DECIMAL(18,2)) AS cancelled,
         CAST(sum(CASE WHEN recent = 1 THEN net END) AS DECIMAL(18,2)) AS net,
         CAST(sum(CASE WHEN recent = 0 THEN net END) AS DECIMAL(18,2)) AS net_before
  FROM (
    SELECT orders, gross, cancelled, net, CASE WHEN s.day > CAST($day AS DATE) - 7 THEN 1 ELSE 0 END AS recent
    FROM daily_sales AS s
    WHERE s.day > CAST($day AS DATE) - 14 AND s.day <= $day
  ) AS fortnight
) AS sums
