/*
refresh: full
key: id
*/
SELECT id, name, facility FROM shows
