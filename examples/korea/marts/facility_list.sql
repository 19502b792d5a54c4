/*
owner: content team
description: Halls as the site shows them
key: mt10id
refresh: full
checks:
  - unique: mt10id
  - total: {measure: count(*), of: facilities}
*/
SELECT mt10id, fcltynm, gugunnm, adres, mt13cnt, seatscale, la, lo
FROM facilities
