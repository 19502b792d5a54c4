/*
owner: content team
description: Performances that run on the day, with their details
key: mt20id
columns:
  mt10id: the hall; the API of halls does not know all of them
  fcltynm: name of the hall, as the list writes it
  seatprice: prices as the box office writes them
  prfstate: as the list of the day says it
checks:
  - unique: mt20id
  - not_null: [mt20id, prfnm, opens_on, closes_on]
  - matches: {column: mt20id, pattern: "PF[0-9]{6}"}
  - length: {column: mt10id, min: 8, max: 8}
  - rule: closes_on >= opens_on
  - {rule: opens_on <= day AND closes_on >= day, name: runs on the day}
  - total: {measure: count(*), of: kopis_list}
  - {total: {measure: count(mt10id), of: kopis_details}, name: every performance has its detail}
  - {relationship: {column: mt10id, in: facilities}, severity: warning}
  - {accepted: {column: prfstate, values: [공연예정, 공연중]}, severity: warning}
*/
SELECT CAST($day AS DATE) AS day, l.mt20id, l.prfnm, l.genrenm, l.prfstate, l.openrun = 'Y' AS openrun,
       CAST(strptime(l.prfpdfrom, '%Y.%m.%d') AS DATE) AS opens_on, CAST(strptime(l.prfpdto, '%Y.%m.%d') AS DATE) AS closes_on,
       d.mt10id, l.fcltynm, d.prfcast, d.prfruntime, d.prfage, d.seatprice, len(coalesce(d.images, [])) AS images
FROM kopis_list AS l
LEFT JOIN kopis_details AS d ON d.mt20id = l.mt20id
