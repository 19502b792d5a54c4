/*
owner: content team
description: One row for every price that a performance of the day asks
key: [mt20id, place]
columns:
  place: in the order of the text, from 1
  grade: such as R석
  won: 0 is free
checks:
  - unique: [mt20id, place]
  - not_null: [mt20id, grade, won]
  - range: {column: won, min: 0, max: 1000000}
  - sql: >-
      SELECT mt20id, seatprice FROM kopis_details
      WHERE seatprice IS NOT NULL AND mt20id NOT IN (SELECT mt20id FROM seat_prices WHERE day = $day)
    name: every text with prices gives a price
*/
-- A comma divides thousands as well as prices, with and without a space behind it: what ends a price is its 원.
WITH written AS (
  SELECT mt20id, regexp_extract_all(seatprice, '[^,]+?\s+(?:[0-9][0-9,]*\s*원|무료)') AS prices
  FROM kopis_details
  WHERE seatprice IS NOT NULL
), divided AS (
  SELECT mt20id, unnest(prices) AS price, generate_subscripts(prices, 1) AS place
  FROM written
)
SELECT mt20id, place, trim(regexp_extract(price, '^(.*?)\s+(?:[0-9][0-9,]*\s*원|무료)$', 1)) AS grade,
       CASE WHEN price LIKE '%무료' THEN 0
            ELSE CAST(replace(regexp_extract(price, '([0-9][0-9,]*)\s*원$', 1), ',', '') AS INTEGER) END AS won
FROM divided
