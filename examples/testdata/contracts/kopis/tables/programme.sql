/*
refresh: full
key: id
*/
SELECT id, name, facility, state FROM performances
