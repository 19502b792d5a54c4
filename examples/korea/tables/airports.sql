/*
owner: web team
description: The airports of Korea that the site sells flights to
key: code
refresh: full
checks:
  - unique: code
  - matches: {column: code, pattern: "[A-Z]{3}"}
*/
SELECT code, city_ko, city_en
FROM airport_list
