/*
owner: data team
description: Words that never found a book that day, in whatever search they were used; ties by name
key: [day, rank]
columns:
  searches: how often the word was used
  requests: different searches that used it
checks:
  - unique: [day, rank]
  - unique: [day, keyword]
  - not_null: [keyword, searches, requests]
*/
SELECT k.day, row_number() OVER (ORDER BY count(*) DESC, k.keyword) AS rank, k.keyword,
       count(*) AS searches, count(DISTINCT k.query_id) AS requests
FROM request_keywords AS k
JOIN requests AS r ON r.day = k.day AND r.query_id = k.query_id
WHERE k.day = $day AND r.day = $day
GROUP BY k.day, k.keyword
HAVING count(CASE WHEN NOT r.failed THEN 1 END) = 0
