/*
owner: content team
description: The districts of Seoul
key: sigungucode
refresh: full
checks:
  - unique: sigungucode
  - unique: gugunnm
  - rows: {min: 25, max: 25}
  - range: {column: sigungucode, min: 1, max: 25}
*/
SELECT code AS sigungucode, name AS gugunnm
FROM district_codes
