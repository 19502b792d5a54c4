/*
owner: data team
description: Every library that was searched in, ties by name; a search in three libraries counts for each
key: [day, rank]
columns:
  requests: different searches in the library, failed ones too
checks:
  - unique: [day, rank]
  - unique: [day, library]
  - total: {measure: sum(requests), of: request_libraries, equals: count(*)}
*/
SELECT day, row_number() OVER (ORDER BY count(*) DESC, library) AS rank, library, count(*) AS requests
FROM request_libraries
WHERE day = $day
GROUP BY day, library
