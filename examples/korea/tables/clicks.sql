/*
owner: web team
description: One row for every click on an offer of the day
key: click_id
columns:
  flight_id: seven parts; null where the offer had gone
checks:
  - unique: click_id
  - not_null: [session_id, clicked_ts]
  - matches: {column: flight_id, pattern: "[A-Z]{3}-[A-Z]{3}-[0-9]{8}-[0-9]{4}-[A-Z0-9]{2}-[0-9]{3}-[A-Z]{3}"}
  - {relationship: {column: user_id, in: users}, severity: warning}
  - total: {measure: count(*), of: click_log}
*/
SELECT click_id, session_id, clicked_ts, user_id, flight_id
FROM click_log
