/*
owner: data team
description: Events and different actors by hour; an hour that was not received has no row
key: [day, hour]
checks:
  - unique: [day, hour]
  - total: {measure: sum(events), of: events, equals: count(*)}
*/
SELECT day, extract(hour FROM created_at) AS hour, count(*) AS events, count(DISTINCT actor) AS actors
FROM events
WHERE day = $day
GROUP BY day, extract(hour FROM created_at)
