/*
refresh: full
*/
SELECT name, kind, people FROM shelters
