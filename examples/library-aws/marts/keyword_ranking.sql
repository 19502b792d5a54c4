/*
owner: data team
description: The hundred words most used in searches that found books, ties by name
key: [day, rank]
columns:
  searches: how often the word was used, a word repeated within a search each time
  requests: different searches that used it
checks:
  - unique: [day, rank]
  - unique: [day, keyword]
  - not_null: [keyword, searches, requests]
  - rows: {max: 100}
*/
SELECT day, rank, keyword, searches, requests
FROM (
  SELECT k.day, k.keyword, count(*) AS searches, count(DISTINCT k.query_id) AS requests,
         row_number() OVER (ORDER BY count(*) DESC, k.keyword) AS rank
  FROM request_keywords AS k
  JOIN requests AS r ON r.day = k.day AND r.query_id = k.query_id
  WHERE k.day = $day AND r.day = $day AND NOT r.failed
  GROUP BY k.day, k.keyword
) AS ranked
WHERE rank <= 100
