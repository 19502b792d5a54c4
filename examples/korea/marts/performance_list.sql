/*
owner: content team
description: Performances that run on the day, with the hall and the lowest and highest price
key: [day, mt20id]
columns:
  gugunnm: district of the hall; null where it is not known
  lowest: won; null where no price is known, 0 is free
checks:
  - unique: [day, mt20id]
  - rule: highest >= lowest
  - total: {measure: count(*), of: performances}
*/
SELECT p.day, p.mt20id, p.prfnm, p.genrenm, p.prfstate, p.opens_on, p.closes_on, p.mt10id, p.fcltynm, f.gugunnm, p.prfruntime, p.prfage,
       p.seatprice, s.lowest, s.highest
FROM performances AS p
LEFT JOIN facilities AS f ON f.mt10id = p.mt10id
-- Prices are one row for a performance before they are joined.
LEFT JOIN (
  SELECT mt20id, min(won) AS lowest, max(won) AS highest
  FROM seat_prices
  WHERE day = $day
  GROUP BY mt20id
) AS s ON s.mt20id = p.mt20id
WHERE p.day = $day
