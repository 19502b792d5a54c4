/*
owner: content team
description: Attractions, halls and libraries by district, as they are now; what has no district is the row without one
key: gugunnm
refresh: full
columns:
  seats: of the halls
checks:
  - unique: gugunnm
  - total: {measure: sum(attractions), of: attraction_list}
  - total: {measure: sum(facilities), of: facilities}
  - total: {measure: sum(libraries), of: libraries}
*/
SELECT coalesce(gugunnm, '-') AS gugunnm, CAST(sum(attractions) AS BIGINT) AS attractions, CAST(sum(facilities) AS BIGINT) AS facilities,
       CAST(sum(seats) AS BIGINT) AS seats, CAST(sum(libraries) AS BIGINT) AS libraries
FROM (
  SELECT gugunnm, 0 AS attractions, 0 AS facilities, 0 AS seats, 0 AS libraries FROM districts
  UNION ALL
  SELECT gugunnm, 1 AS attractions, 0 AS facilities, 0 AS seats, 0 AS libraries FROM attraction_list
  UNION ALL
  SELECT gugunnm, 0 AS attractions, 1 AS facilities, coalesce(seatscale, 0) AS seats, 0 AS libraries FROM facilities
  UNION ALL
  SELECT gugunnm, 0 AS attractions, 0 AS facilities, 0 AS seats, 1 AS libraries FROM libraries
) AS places
GROUP BY coalesce(gugunnm, '-')
