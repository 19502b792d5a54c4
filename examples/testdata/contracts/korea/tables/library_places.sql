/*
refresh: full
checks:
  - range: {column: latitude, min: 33, max: 39}
    severity: warning
*/
SELECT name, city, kind, books, latitude, longitude FROM libraries
