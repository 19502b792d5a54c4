/*
owner: content team
description: Performances that run on the day, by genre
key: [day, genrenm]
columns:
  opening: those that open on the day
  mean_lowest: of the lowest prices, where one is known
checks:
  - unique: [day, genrenm]
  - total: {measure: sum(performances), of: performance_list}
*/
SELECT day, coalesce(genrenm, 'unknown') AS genrenm, count(*) AS performances, count(CASE WHEN opens_on = day THEN 1 END) AS opening,
       CAST(sum(lowest) AS DOUBLE PRECISION) / nullif(count(lowest), 0) AS mean_lowest
FROM performance_list
WHERE day = $day
GROUP BY day, coalesce(genrenm, 'unknown')
