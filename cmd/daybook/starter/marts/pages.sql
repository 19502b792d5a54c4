/*
description: Views and different visitors of each page
key: [day, page]
checks:
  - unique: [day, page]
  - total: {measure: sum(views), of: views}
*/
SELECT day, page, count(*) AS views, count(DISTINCT visitor) AS visitors
FROM views
WHERE day = $day
GROUP BY day, page
