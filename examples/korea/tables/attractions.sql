/*
owner: content team
description: Attractions as they were written last
key: contentid
refresh: latest
version: modified_at
deleted: hidden
columns:
  sigungucode: district of Seoul; null where the API does not know it
  mapx: longitude
  mapy: latitude
checks:
  - unique: contentid
  - not_null: [contentid, title, modified_at]
  - range: {column: sigungucode, min: 1, max: 25}
  - relationship: {column: sigungucode, in: districts}
  - accepted: {column: contenttypeid, values: [12, 14, 15, 25, 28, 32, 38, 39]}
  # The API has places whose longitude and latitude have changed places.
  - {range: {column: mapx, min: 124, max: 132}, name: longitude in Korea, severity: warning}
  - {range: {column: mapy, min: 33, max: 39}, name: latitude in Korea, severity: warning}
*/
SELECT contentid, contenttypeid, title, addr1, sigungucode, mapx, mapy, mlevel, nullif(trim(tel), '') AS tel, showflag = 0 AS hidden,
       CAST(strptime(modifiedtime || ' +09', '%Y%m%d%H%M%S %z') AS TIMESTAMPTZ) AS modified_at
FROM tour_list
