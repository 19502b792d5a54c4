/*
refresh: full
key: id
*/
SELECT id, name, city FROM known_places
