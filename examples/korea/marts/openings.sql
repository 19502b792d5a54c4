/*
owner: content team
description: Performances that open on the day
key: [day, mt20id]
checks:
  - unique: [day, mt20id]
  - total: {measure: count(*), of: performance_list, equals: count(CASE WHEN opens_on = day THEN 1 END)}
*/
SELECT day, mt20id, prfnm, genrenm, fcltynm, gugunnm, closes_on, seatprice, lowest, highest
FROM performance_list
WHERE day = $day AND opens_on = $day
