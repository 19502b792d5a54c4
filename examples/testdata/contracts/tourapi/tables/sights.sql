/*
refresh: full
key: id
checks:
  - unique: id
  - range: {column: mapx, min: 124, max: 132}
  - range: {column: mapy, min: 33, max: 39}
  - length: {column: zip, min: 5, max: 5}
*/
SELECT id, title, mapx, mapy, zip, strptime(created, '%Y%m%d%H%M%S') AS created FROM attractions
