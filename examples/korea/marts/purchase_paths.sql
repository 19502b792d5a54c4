/*
owner: web team
description: >-
  How each purchase of the day came about. It belongs to one session: the one that began last before it, of those in which its user
  searched or clicked before it. Its time runs from the first search of the user since their purchase before. Both look at the seven days that
  end with the day.
key: [day, purchase_id]
lookback: 6d
columns:
  session_id: null when no session before the purchase names the user
  channel: of the session
  first_search_ts: null when the user did not search since the purchase before
  minutes: from there to the purchase
checks:
  - unique: [day, purchase_id]
  - not_null: [user_id, purchased_ts]
  - rule: minutes >= 0
  - total: {measure: count(*), of: purchases}
  - total: {measure: sum(price_krw), of: purchases, equals: sum(price_krw)}
*/
WITH acts AS (
  SELECT session_id, user_id, searched_ts AS acted_ts
  FROM searches
  WHERE day > CAST($day AS DATE) - 7 AND day <= $day AND user_id IS NOT NULL
  UNION ALL
  SELECT session_id, user_id, clicked_ts AS acted_ts
  FROM clicks
  WHERE day > CAST($day AS DATE) - 7 AND day <= $day AND user_id IS NOT NULL
), visitors AS (
  SELECT a.session_id, a.user_id, s.channel, s.created_ts, min(a.acted_ts) AS known_ts
  FROM acts AS a
  JOIN sessions AS s ON s.session_id = a.session_id AND s.day > CAST($day AS DATE) - 7 AND s.day <= $day
  GROUP BY a.session_id, a.user_id, s.channel, s.created_ts
), ordered AS (
  SELECT day, purchase_id, user_id, price_krw, purchased_ts,
         lag(purchased_ts) OVER (PARTITION BY user_id ORDER BY purchased_ts, purchase_id) AS before_ts
  FROM purchases
  WHERE day > CAST($day AS DATE) - 7 AND day <= $day
), last_sessions AS (
  SELECT p.purchase_id, v.session_id, v.channel,
         row_number() OVER (PARTITION BY p.purchase_id ORDER BY v.created_ts DESC, v.session_id DESC) AS place
  FROM purchases AS p
  JOIN visitors AS v ON v.user_id = p.user_id AND v.known_ts <= p.purchased_ts
  WHERE p.day = $day
), first_searches AS (
  SELECT p.purchase_id, min(s.searched_ts) AS first_search_ts
  FROM ordered AS p
  JOIN searches AS s ON s.user_id = p.user_id AND s.day > CAST($day AS DATE) - 7 AND s.day <= $day
   AND s.searched_ts <= p.purchased_ts AND (p.before_ts IS NULL OR s.searched_ts > p.before_ts)
  WHERE p.day = $day
  GROUP BY p.purchase_id
)
-- Each side has at most one row for a purchase, so the joins cannot make more.
SELECT p.day, p.purchase_id, p.user_id, p.price_krw, p.purchased_ts, l.session_id, l.channel, f.first_search_ts,
       CAST(EXTRACT(EPOCH FROM p.purchased_ts - f.first_search_ts) AS DOUBLE PRECISION) / 60 AS minutes
FROM ordered AS p
LEFT JOIN last_sessions AS l ON l.purchase_id = p.purchase_id AND l.place = 1
LEFT JOIN first_searches AS f ON f.purchase_id = p.purchase_id
WHERE p.day = $day
