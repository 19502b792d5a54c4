/*
owner: web team
description: One row for every purchase of the day
key: purchase_id
checks:
  - unique: purchase_id
  - not_null: [user_id, flight_id, purchased_ts, price_krw]
  - matches: {column: flight_id, pattern: "[A-Z]{3}-[A-Z]{3}-[0-9]{8}-[0-9]{4}-[A-Z0-9]{2}-[0-9]{3}-[A-Z]{3}"}
  - range: {column: price_krw, min: 1}
  - {relationship: {column: user_id, in: users}, severity: warning}
  - total: {measure: count(*), of: purchase_log}
*/
SELECT purchase_id, user_id, flight_id, purchased_ts, price_krw
FROM purchase_log
