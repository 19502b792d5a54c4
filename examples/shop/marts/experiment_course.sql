/*
owner: site team
description: How the difference and its interval became what they are on the day; one row for every day of its experiment so far
key: [day, counted_on]
lookback: 27d
columns:
  counted_on: the day up to which the row counts
  difference: as in experiment, which has the source of the interval
checks:
  - unique: [day, counted_on]
  - rows: {max: 28}
  - rule: counted_on <= day
*/
SELECT CAST($day AS DATE) AS day, e.day AS counted_on, e.difference, e.low, e.high
FROM experiment AS e
JOIN experiment AS latest ON latest.experiment = e.experiment
WHERE latest.day = $day AND e.day > CAST($day AS DATE) - 28 AND e.day <= $day
