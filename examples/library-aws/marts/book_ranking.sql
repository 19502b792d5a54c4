/*
owner: data team
description: The hundred books that most searches found, ties by ISBN
key: [day, rank]
columns:
  title: as the catalogue has it now; null for a book that it does not know
  requests: different searches that found the book
checks:
  - unique: [day, rank]
  - unique: [day, isbn13]
  - rows: {max: 100}
*/
SELECT r.day, r.rank, r.isbn13, b.title, r.requests
FROM (
  SELECT day, isbn13, count(*) AS requests, row_number() OVER (ORDER BY count(*) DESC, isbn13) AS rank
  FROM request_books
  WHERE day = $day
  GROUP BY day, isbn13
) AS r
LEFT JOIN books AS b ON b.isbn13 = r.isbn13
WHERE r.rank <= 100
