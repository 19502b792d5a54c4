/*
owner: content team
description: Attractions that are shown now, with their district; one without a district stays
key: contentid
refresh: full
columns:
  gugunnm: null where the API does not know the district
checks:
  - unique: contentid
  - not_null: title
  - total: {measure: count(*), of: attractions}
*/
SELECT a.contentid, a.contenttypeid, a.title, a.addr1, a.sigungucode, d.gugunnm, a.mapx, a.mapy, a.tel, a.modified_at
FROM attractions AS a
LEFT JOIN districts AS d ON d.sigungucode = a.sigungucode
