/*
owner: data team
description: >-
  Of the people who came for the first time in a week, how many came again in each week after it. Weeks are seven days, the
  last one ends with the day. Twelve weeks are read and eight are shown, so that nobody is new who was there in the four weeks before.
key: [day, cohort, week]
lookback: 83d
columns:
  cohort: first day of the week in which people came for the first time
  week: weeks since then; 0 is that week itself
  cohort_users: people who came for the first time in that week
  users: those of them who came in this week
  share: users / cohort_users
checks:
  - unique: [day, cohort, week]
  - not_null: [cohort_users, users, share]
  - rows: {max: 36}
*/
WITH numbers AS (
  SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
  UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7
), seen AS (
  SELECT DISTINCT u.user_id, CAST(floor((CAST($day AS DATE) - u.day) / 7.0) AS INTEGER) AS weeks_ago
  FROM user_days AS u
  WHERE u.day > CAST($day AS DATE) - 84 AND u.day <= $day
), joined AS (
  SELECT user_id, max(weeks_ago) AS weeks_ago
  FROM seen
  GROUP BY user_id
), cohorts AS (
  SELECT weeks_ago, count(*) AS users
  FROM joined
  WHERE weeks_ago < 8
  GROUP BY weeks_ago
), returned AS (
  SELECT joined.weeks_ago, joined.weeks_ago - seen.weeks_ago AS week, count(*) AS users
  FROM joined
  JOIN seen ON seen.user_id = joined.user_id
  GROUP BY joined.weeks_ago, joined.weeks_ago - seen.weeks_ago
)
-- A week in which nobody of a cohort came again is zero, not absent.
SELECT CAST($day AS DATE) AS day, CAST($day AS DATE) - 6 - 7 * cohorts.weeks_ago AS cohort, numbers.n AS week,
       cohorts.users AS cohort_users, coalesce(returned.users, 0) AS users,
       CAST(coalesce(returned.users, 0) AS DOUBLE PRECISION) / cohorts.users AS share
FROM cohorts
JOIN numbers ON numbers.n <= cohorts.weeks_ago
LEFT JOIN returned ON returned.weeks_ago = cohorts.weeks_ago AND returned.week = numbers.n
