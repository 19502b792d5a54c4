/*
owner: content team
description: Halls as they were seen last
key: mt10id
refresh: latest
version: seen_on
columns:
  gugunnm: district; null where the API does not know it
  seatscale: seats
  mt13cnt: stages
  seen_on: the last day on which a performance was there
checks:
  - unique: mt10id
  - not_null: [mt10id, fcltynm]
  - length: {column: mt10id, min: 8, max: 8}
  - relationship: {column: gugunnm, in: districts}
  - range: {column: lo, min: 124, max: 132}
  - range: {column: la, min: 33, max: 39}
*/
SELECT mt10id, fcltynm, mt13cnt, opende, seatscale, telno, adres, gugunnm, la, lo, CAST($day AS DATE) AS seen_on
FROM kopis_halls
