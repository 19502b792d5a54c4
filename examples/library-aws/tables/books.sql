/*
owner: library team
description: The catalogue as it is now, one row for every book, so that a join with it never makes rows more
key: isbn13
refresh: full
columns:
  isbn13: names the book
  registered_on: when the catalogue took it up
checks:
  - unique: isbn13
  - not_null: [isbn13, title]
  - total: {measure: count(*), of: catalogue, equals: count(*)}
*/
SELECT isbn13, title, authors, publisher, class_no, registered_on
FROM catalogue
