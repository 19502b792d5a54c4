/*
owner: content team
description: Libraries of Seoul
key: library
refresh: full
columns:
  gugunnm: district; null where the office does not say it
checks:
  - unique: library
  - relationship: {column: gugunnm, in: districts}
  - range: {column: lo, min: 124, max: 132}
  - range: {column: la, min: 33, max: 39}
  - total: {measure: count(*), of: library_list}
*/
SELECT library, gugunnm, kind, closed, seats, books, la, lo, as_of
FROM library_list
