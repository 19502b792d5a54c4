/*
owner: web team
description: Purchases of the day by the time since the first search; the last step has those without a search in seven days
key: [day, step]
columns:
  stage: such as 10-30 min
checks:
  - unique: [day, step]
  - rows: {min: 7, max: 7}
  - total: {measure: sum(purchases), of: purchase_paths}
*/
WITH steps AS (
  SELECT 1 AS step, '0-10 min' AS stage, 0 AS at_least, 10 AS below
  UNION ALL SELECT 2, '10-30 min', 10, 30
  UNION ALL SELECT 3, '30-60 min', 30, 60
  UNION ALL SELECT 4, '1-6 h', 60, 360
  UNION ALL SELECT 5, '6-24 h', 360, 1440
  UNION ALL SELECT 6, '1-7 d', 1440, 10081
  UNION ALL SELECT 7, '-', NULL, NULL
)
-- A step without purchases is zero, not absent.
SELECT CAST($day AS DATE) AS day, s.step, s.stage, count(p.purchase_id) AS purchases
FROM steps AS s
LEFT JOIN purchase_paths AS p
  ON p.day = $day AND ((p.minutes >= s.at_least AND p.minutes < s.below) OR (p.minutes IS NULL AND s.at_least IS NULL))
GROUP BY s.step, s.stage
