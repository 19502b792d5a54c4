/*
owner: data team
description: How many events of each type the day had
key: [day, type]
checks:
  - unique: [day, type]
  - total: {measure: sum(events), of: events, equals: count(*)}
*/
SELECT day, type, count(*) AS events
FROM events
WHERE day = $day
GROUP BY day, type
