/*
owner: web team
description: One row for every search for flights of the day
key: search_id
columns:
  user_id: null until the person signs in
checks:
  - unique: search_id
  - not_null: [session_id, searched_ts, arrival_airport_code]
  - matches: {column: depart_airport_code, pattern: "[A-Z]{3}"}
  - matches: {column: arrival_airport_code, pattern: "[A-Z]{3}"}
  - {relationship: {column: arrival_airport_code, in: airports, key: code}, severity: warning}
  - {relationship: {column: user_id, in: users}, severity: warning}
  - {rule: depart_date >= CAST(searched_ts AS DATE), name: nobody leaves in the past, severity: warning}
  - total: {measure: count(*), of: search_log}
*/
SELECT search_id, session_id, searched_ts, user_id, depart_date, depart_airport_code, arrival_airport_code
FROM search_log
