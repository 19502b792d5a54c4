/*
owner: web team
description: One row for every visit that began on the day
key: session_id
checks:
  - unique: session_id
  - not_null: [created_ts, last_connected_ts, channel]
  - length: {column: session_id, min: 36, max: 36}
  - rule: last_connected_ts >= created_ts
  - accepted: {column: channel, values: [Google, Youtube, Instagram, Facebook, X, Direct, Naver]}
  - {rows: {within: 60%}, severity: warning}
  - total: {measure: count(*), of: session_log}
*/
SELECT session_id, created_ts, last_connected_ts, channel
FROM session_log
