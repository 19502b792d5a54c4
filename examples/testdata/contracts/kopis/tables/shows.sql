/*
refresh: full
key: id
checks:
  - relationship: {column: facility, in: known_places, key: id}
*/
SELECT id, name, facility, updated, sellers FROM details
