/*
owner: data team
description: How many people were there on the day, and how many of them chose a book
key: day
columns:
  users: people who searched or chose
  choosing_users: people who chose at least one book
checks:
  - unique: day
  - total: {measure: sum(users), of: user_days, equals: count(*)}
*/
SELECT day, count(*) AS users, count(CASE WHEN selections > 0 THEN 1 END) AS choosing_users
FROM user_days
WHERE day = $day
GROUP BY day
