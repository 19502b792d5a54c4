/*
refresh: full
key: id
checks:
  - unique: id
*/
SELECT id, name, city, halls, opened FROM facilities
