/*
owner: data team
description: Different people on the day, in the seven and in the thirty days that end with it
key: day
lookback: 29d
checks:
  - unique: day
  - rows: {min: 1, max: 1}
  - total: {measure: sum(users_1d), of: user_days, equals: count(*)}
*/
SELECT CAST($day AS DATE) AS day,
       count(DISTINCT CASE WHEN u.day = $day THEN u.user_id END) AS users_1d,
       count(DISTINCT CASE WHEN u.day > CAST($day AS DATE) - 7 THEN u.user_id END) AS users_7d,
       count(DISTINCT u.user_id) AS users_30d
FROM user_days AS u
WHERE u.day > CAST($day AS DATE) - 30 AND u.day <= $day
