/*
owner: web team
description: Everybody who has an account, without names and addresses
key: user_id
refresh: full
columns:
  country: two letters; null is unknown
  age: null is unknown
checks:
  - unique: user_id
  - matches: {column: country, pattern: "[A-Z]{2}"}
  - range: {column: age, min: 0, max: 120}
  - accepted: {column: gender, values: [F, M]}
  - total: {measure: count(*), of: user_list}
*/
SELECT user_id, country, age, gender, registration_date
FROM user_list
