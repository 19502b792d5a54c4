/*
owner: web team
description: Where people looked for flights to, in the thirty days that end with the day
key: [day, rank]
lookback: 29d
columns:
  searches: of the day
  searches_30d: of the thirty days
checks:
  - unique: [day, rank]
  - unique: [day, code]
  - total: {measure: sum(searches), of: searches}
*/
SELECT CAST($day AS DATE) AS day, row_number() OVER (ORDER BY c.searches_30d DESC, c.code) AS rank, c.code, a.city_ko, a.city_en, c.searches, c.searches_30d
FROM (
  SELECT arrival_airport_code AS code, count(CASE WHEN day = $day THEN 1 END) AS searches, count(*) AS searches_30d
  FROM searches
  WHERE day > CAST($day AS DATE) - 30 AND day <= $day
  GROUP BY arrival_airport_code
) AS c
LEFT JOIN airports AS a ON a.code = c.code
