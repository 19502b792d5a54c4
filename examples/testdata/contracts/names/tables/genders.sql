/*
refresh: full
checks:
  - unique: [name]
  - unique: [name, gender]
  - accepted: {column: gender, values: [F, M]}
*/
SELECT name, gender FROM names
