/*
owner: data team
description: The seven days that end with the day beside the seven before them; nothing is compared unless all fourteen are there
key: day
lookback: 13d
columns:
  days: days of this week that are there
  days_before: days of the week before that are there
  requests: searches of this week
  requests_before: searches of the week before
  change: requests / requests_before - 1; null unless both weeks are whole
  failure_rate: failed searches of this week / requests
  failure_rate_before: the same of the week before
checks:
  - unique: day
  - rows: {min: 1, max: 1}
*/
SELECT CAST($day AS DATE) AS day, days, days_before, requests, requests_before,
       CASE WHEN days = 7 AND days_before = 7 THEN CAST(requests AS DOUBLE PRECISION) / nullif(requests_before, 0) - 1 END AS change,
       CAST(failed AS DOUBLE PRECISION) / nullif(requests, 0) AS failure_rate,
       CAST(failed_before AS DOUBLE PRECISION) / nullif(requests_before, 0) AS failure_rate_before
FROM (
  SELECT count(CASE WHEN recent = 1 THEN 1 END) AS days,
         count(CASE WHEN recent = 0 THEN 1 END) AS days_before,
         CAST(sum(CASE WHEN recent = 1 THEN requests END) AS BIGINT) AS requests,
         CAST(sum(CASE WHEN recent = 0 THEN requests END) AS BIGINT) AS requests_before,
         CAST(sum(CASE WHEN recent = 1 THEN failed END) AS BIGINT) AS failed,
         CAST(sum(CASE WHEN recent = 0 THEN failed END) AS BIGINT) AS failed_before
  FROM (
    SELECT requests, failed, CASE WHEN u.day > CAST($day AS DATE) - 7 THEN 1 ELSE 0 END AS recent
    FROM daily_usage AS u
    WHERE u.day > CAST($day AS DATE) - 14 AND u.day <= $day
  ) AS fortnight
) AS sums
