/*
description: What was sold, less what was cancelled
key: day
checks:
  - unique: day
  - total: {measure: sum(net), of: lines, equals: sum(amount)}
*/
SELECT day, count(*) AS lines, count(CASE WHEN cancelled THEN 1 END) AS cancellations,
       count(DISTINCT CASE WHEN NOT cancelled THEN invoice END) AS orders,
       sum(CASE WHEN NOT cancelled THEN amount ELSE 0 END) AS gross, sum(amount) AS net
FROM lines
WHERE day = $day
GROUP BY day
