/*
owner: site team
description: >-
  The experiment that ran last, from its first day to the day: how many visitors of each variant ordered. An experiment lasts four weeks at
  most. Visitors who came under both variants are in neither, and counted
key: [day, variant]
lookback: 27d
columns:
  since: first day of the experiment that is there
  visitors: different visitors who came under this variant only
  conversions: those of them with an order at or after their assignment, however many orders; telephone orders belong to nobody
  rate: conversions / visitors
  low: lower bound of the 95 % score interval of the rate (Wilson 1927)
  high: upper bound of it
  under_both: visitors who came under both variants, the same in every row
checks:
  - unique: [day, variant]
  - rows: {max: 2}
  - accepted: {column: variant, values: [A, B]}
  - rule: conversions <= visitors
  - rule: 0 <= low AND low <= rate AND rate <= high AND high <= 1
*/
-- The score interval of x of n (E. B. Wilson, Probable inference, the law of succession, and statistical inference, Journal of the
-- American Statistical Association 22, 1927, 209-212): with p = x / n and z = 1.959963984540054, the 97.5 % point of the normal
-- distribution, (2np + z² ± z √(z² + 4np(1 - p))) / (2(n + z²)). Rounding must not push a bound of 0 of n or n of n across 0 or 1.
WITH running AS (
  SELECT a.day, a.experiment, a.visitor, a.variant, a.assigned_at
  FROM assignments AS a
  WHERE a.day > CAST($day AS DATE) - 28 AND a.day <= $day
), latest AS (
  SELECT max(experiment) AS experiment
  FROM running
  WHERE day = (SELECT max(day) FROM running)
), people AS (
  SELECT r.experiment, r.visitor, min(r.variant) AS variant, max(r.variant) AS other, min(r.assigned_at) AS assigned_at, min(r.day) AS day
  FROM running AS r
  JOIN latest ON latest.experiment = r.experiment
  GROUP BY r.experiment, r.visitor
), converted AS (
  SELECT DISTINCT p.visitor
  FROM people AS p
  JOIN orders AS o ON o.visitor = p.visitor AND o.ordered_at >= p.assigned_at
  WHERE o.day > CAST($day AS DATE) - 28 AND o.day <= $day
), counted AS (
  SELECT p.experiment, p.variant, count(*) AS visitors, count(c.visitor) AS conversions
  FROM people AS p
  LEFT JOIN converted AS c ON c.visitor = p.visitor
  WHERE p.variant = p.other
  GROUP BY p.experiment, p.variant
), rates AS (
  SELECT experiment, variant, visitors, conversions, CAST(visitors AS DOUBLE PRECISION) AS n,
         CAST(conversions AS DOUBLE PRECISION) / visitors AS rate, CAST(1.959963984540054 AS DOUBLE PRECISION) AS z
  FROM counted
), spreads AS (
  SELECT experiment, variant, visitors, conversions, rate, 2 * n * rate + z * z AS middle,
         z * sqrt(z * z + 4 * n * rate * (1 - rate)) AS spread, 2 * (n + z * z) AS scale
  FROM rates
)
SELECT CAST($day AS DATE) AS day, s.experiment, w.since, s.variant, s.visitors, s.conversions, s.rate,
       CASE WHEN s.conversions = 0 THEN CAST(0 AS DOUBLE PRECISION) ELSE (s.middle - s.spread) / s.scale END AS low,
       CASE WHEN s.conversions = s.visitors THEN CAST(1 AS DOUBLE PRECISION) ELSE (s.middle + s.spread) / s.scale END AS high,
       w.under_both
FROM spreads AS s
CROSS JOIN (SELECT min(day) AS since, count(CASE WHEN variant <> other THEN 1 END) AS under_both FROM people) AS w
